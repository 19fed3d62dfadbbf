// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var (
	// nameDirs are the folders of iproute2's names, the administrator's first.
	nameDirs = []string{"/etc/iproute2", "/usr/share/iproute2", "/usr/lib/iproute2"}
	// nameFiles are the files in which the values of words have names.
	nameFiles = map[string]string{
		"table": "rt_tables", "lookup": "rt_tables", "realms": "rt_realms", "tos": "rt_dsfield", "dsfield": "rt_dsfield",
		"protocol": "rt_protos", "scope": "rt_scopes", "suppress_ifgroup": "group", "sup_group": "group",
	}
)

// namesMost bounds how much of a file of names is read, in bytes.
const namesMost = 1 << 20

// lookup gives the number of a name in a file of names, or in one of the folder
// beside it.
func lookup(dirs []string, file, name string) (uint64, bool) {
	for _, dir := range dirs {
		more, _ := filepath.Glob(filepath.Join(dir, file+".d", "*.conf")) // its only error is that of a bad pattern
		for _, path := range append([]string{filepath.Join(dir, file)}, more...) {
			if n, ok := lookupIn(path, name); ok {
				return n, true
			}
		}
	}
	return 0, false
}

// lookupIn looks into one file: lines of a number and a name. What is not
// readable has no names.
func lookupIn(path, name string) (uint64, bool) {
	f, err := os.Open(path) //nolint:gosec // a folder and a file that are fixed
	if err != nil {
		return 0, false
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(io.LimitReader(f, namesMost))
	for s.Scan() {
		line, _, _ := strings.Cut(s.Text(), "#")
		if w := strings.Fields(line); len(w) == 2 && w[1] == name {
			if n, err := strconv.ParseUint(w[0], 0, 32); err == nil {
				return n, true
			}
		}
	}
	return 0, false
}

// unsupported says which word a kernel refused that knows no such thing.
func (r *route) unsupported(err error) error {
	if r.tunnel != "" && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)) {
		return fmt.Errorf("encap %s: %w", r.tunnel, err)
	}
	return err
}
