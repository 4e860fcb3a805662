// Package proc reads Linux's process table, for tests that look at the processes of a local cloud.
package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Family is a process and its descendants. Those that end meanwhile may be missing.
func Family(pid int) ([]int, error) {
	all := []int{pid}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	for _, task := range tasks {
		children, _ := os.ReadFile(task) // it may have ended since
		for _, child := range strings.Fields(string(children)) {
			id, err := strconv.Atoi(child)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", task, err)
			}
			more, err := Family(id)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
	}
	return all, nil
}

// Variable is an environment variable that a process was started with; "" if it has none of that name, or has ended.
func Variable(pid int, name string) string {
	environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // it may have ended
	for variable := range strings.SplitSeq(string(environment), "\x00") {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}
