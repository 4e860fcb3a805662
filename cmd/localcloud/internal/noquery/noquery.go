// Package noquery keeps the command from writing to the terminal before its first line has run. A library that the Pulumi
// SDK brings along asks the terminal for its colours when it is initialized: it writes control sequences and waits for
// the answer, in every command, also where nothing of Pulumi is used. It does not ask where the variable CI is set.
//
// Packages are initialized in the order of their import paths, as far as their own imports allow (see "Program
// initialization" in the Go specification and the notes of Go 1.21). This one imports nothing but os, which that library
// needs, too, and its path comes before the library's: it is initialized first.
package noquery

import "os"

const variable = "CI"

var hidden bool

func init() {
	if _, set := os.LookupEnv(variable); !set {
		hidden = os.Setenv(variable, "true") == nil
	}
}

// Over puts the environment back to what it was. It is to be called when main begins.
func Over() {
	if hidden {
		_ = os.Unsetenv(variable)
	}
}
