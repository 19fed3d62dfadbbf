// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/config/migrate"
	"github.com/vigild/vigild/engine/sys/ipvs/rules"
)

// importMost is how much text a file may have.
const importMost = 16 << 20

// importCommand turns configurations of older directors into ours.
func (a *app) importCommand() *cobra.Command {
	var dir string
	var force bool
	c := &cobra.Command{
		Use:   "import {" + strings.Join(migrate.Kinds, "|") + "} FILE...",
		Short: "Turn the configuration of an older director into keepalived.conf and vigil.yaml",
		Long: "Turn ldirectord.cf, Piranha's lvs.cf, heartbeat's ha.cf and haresources (with the files\n" +
			"that these name), or rules of ipvsadm into keepalived.conf and vigil.yaml, which are written\n" +
			"below the folder of -o: where there are two directors, below a folder for each. Every line\n" +
			"that has no equal, or no exact one, is told with the reason and with what to do.",
		Example: "  vigilctl import heartbeat /etc/ha.d/ha.cf /etc/ha.d/haresources /etc/ha.d/*.cf -o new\n" +
			"  vigilctl import piranha /etc/sysconfig/ha/lvs.cf -o new",
		Args:      cobra.MinimumNArgs(2),
		ValidArgs: migrate.Kinds,
		RunE: func(_ *cobra.Command, args []string) error {
			files := make([]migrate.File, 0, len(args)-1)
			seen := map[string]bool{}
			for _, name := range args[1:] {
				if seen[name] {
					continue
				}
				seen[name] = true
				text, err := readFile(name)
				if err != nil {
					return err
				}
				files = append(files, migrate.File{Name: name, Text: text})
			}
			r, err := migrate.Convert(args[0], files, rules.Names{Port: lookupPort, Host: lookupHost})
			if err != nil {
				return err
			}
			written, err := write(dir, r.Files, force)
			if err != nil {
				return err
			}
			return a.printImport(written, r.Notes)
		},
	}
	c.Flags().StringVarP(&dir, "output", "o", ".", "the folder for the new files, made if it is not there")
	c.Flags().BoolVar(&force, "force", false, "write over files that are there")
	return c
}

func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case info.Size() > importMost:
		return "", fmt.Errorf("%s has more than %d bytes", name, importMost)
	}
	text, err := os.ReadFile(name)
	return string(text), err
}

// write writes files below a folder, all of them or, if one is there already,
// none.
func write(dir string, files []migrate.File, force bool) ([]string, error) {
	var written []string
	for _, f := range files {
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if !filepath.IsLocal(f.Name) {
			return nil, fmt.Errorf("%q is no name of a file", f.Name)
		}
		if _, err := os.Lstat(to); !force && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is there already; --force writes over it", to)
		}
		written = append(written, to)
	}
	for i, f := range files {
		if err := os.MkdirAll(filepath.Dir(written[i]), 0o755); err != nil { //nolint:gosec // as any configuration
			return nil, err
		}
		if err := os.WriteFile(written[i], []byte(f.Text), 0o644); err != nil { //nolint:gosec // as any configuration
			return nil, err
		}
	}
	return written, nil
}

func (a *app) printImport(written []string, notes []migrate.Note) error {
	if a.json {
		return a.printJSON(struct {
			Written []string       `json:"written"`
			Notes   []migrate.Note `json:"notes"`
		}{written, notes})
	}
	for _, n := range notes {
		if _, err := fmt.Fprintln(a.out, clean(n.String())); err != nil {
			return err
		}
	}
	for _, w := range written {
		if _, err := fmt.Fprintf(a.out, "written: %s\n", w); err != nil {
			return err
		}
	}
	return nil
}
