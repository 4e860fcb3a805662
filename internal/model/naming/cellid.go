package naming

import "regexp"

// CellIDPattern is what a cell's id may be. Physical names are made of it, and the router makes table names out of the
// ids that it reads, so configuration and mapping items are held to the same.
const CellIDPattern = `[a-z][a-z0-9-]{1,19}`

var cellID = regexp.MustCompile(`\A` + CellIDPattern + `\z`)

// ValidCellID reports whether s matches CellIDPattern.
func ValidCellID(s string) bool { return cellID.MatchString(s) }
