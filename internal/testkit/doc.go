// Package testkit is the room of fakes and helpers of tests. Its packages may import everything; tests alone import them.
package testkit
