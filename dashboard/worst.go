package dashboard

// maxDrawn is how many series a SEARCH returns, and a graph draws, at most: user guide, "Search expression syntax".
const maxDrawn = 500

// topTen is a query of Metrics Insights for the ten cells with the highest values. It sorts by all series that it matches, up to
// 10,000 (user guide, "Metrics Insights limits"), where SORT(SEARCH(...)) sorts the 500 that the search happened to return.
func (d Deployment) topTen(function, metric string) []any {
	return expression(byCell, `SELECT %[1]s("%[3]s") FROM SCHEMA("%[2]s", cell) GROUP BY cell ORDER BY %[1]s() DESC LIMIT 10`, function, d.Stack.MetricsNamespace(), metric)
}
