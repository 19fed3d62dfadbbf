// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
)

var (
	// nameDirs are the folders of iproute2's names, the administrator's first.
	nameDirs = []string{"/etc/iproute2", "/usr/share/iproute2", "/usr/lib/iproute2"}
	// nameFiles are the files in which the values of options have names.
	nameFiles = map[string]string{
		"table": "rt_tables", "tos": "rt_dsfield", "protocol": "rt_protos", "scope": "rt_scopes", "realms": "rt_realms", "suppress_ifgroup": "group",
	}
)

// namesMost bounds how much of a file of names is read, in bytes.
const namesMost = 1 << 20

// routeName tells whether the value of an option of a route or rule has this name.
func routeName(option, name string) bool {
	for _, dir := range nameDirs {
		more, _ := filepath.Glob(filepath.Join(dir, nameFiles[option]+".d", "*.conf")) // its only error is that of a bad pattern
		for _, path := range append([]string{filepath.Join(dir, nameFiles[option])}, more...) {
			if nameIn(path, name) {
				return true
			}
		}
	}
	return false
}

// nameIn looks into one file: lines of a number and a name. What is not readable has no names.
func nameIn(path, name string) bool {
	f, err := os.Open(path) //nolint:gosec // a folder and a file that are fixed
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(io.LimitReader(f, namesMost)); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		if w := strings.Fields(line); len(w) == 2 && w[1] == name {
			return true
		}
	}
	return false
}
