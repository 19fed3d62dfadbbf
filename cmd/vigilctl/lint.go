// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/lint"
	"github.com/vigild/vigild/config/machine"
	"github.com/vigild/vigild/config/syntax"
)

func (a *app) configLintCommand(s *source) *cobra.Command {
	c := &cobra.Command{
		Use:   "lint [NAME=]FILE [NAME=]FILE...",
		Short: "Find what is wrong between the routers of a cluster",
		Long: "Compare the configurations of the routers of a cluster: virtual router ids,\n" +
			"versions, intervals, authentication, addresses, how adverts travel, priorities and\n" +
			"what weights can do to them, preemption, sync groups and virtual servers. A hint\n" +
			"names the place on the other router. What config test finds in each file alone is\n" +
			"not repeated. The exit status is 0 without warnings and errors, 5 with, and that of\n" +
			"config test if a file cannot be run.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			list, err := members(args)
			if err != nil {
				return err
			}
			for i := range list {
				if config.RunExit(list[i].problems) == 0 {
					continue
				}
				if err := syntax.Report(a.errs, syntax.FormatText, version, list[i].problems); err != nil {
					return err
				}
				return exitStatus(config.TestExit(list[i].problems))
			}
			return a.lint(s, list)
		},
	}
	c.Flags().Var(&s.format, "format", "text, json (an object per line) or sarif")
	return c
}

func (a *app) lint(s *source, list []member) error {
	var routers []lint.Router
	for i := range list {
		routers = append(routers, lint.Router{Name: list[i].name, Conf: list[i].conf})
	}
	found := lint.Check(routers)
	format := s.format
	if a.json && format == syntax.FormatText {
		format = syntax.FormatJSON
	}
	if err := syntax.Report(a.out, format, version, found); err != nil {
		return err
	}
	if status := config.TestExit(found); status != config.ExitOK {
		return exitStatus(status)
	}
	return nil
}

// member is one router of a cluster: its name, file and configuration.
type member struct {
	name, file string
	conf       *config.Config
	problems   []syntax.Problem
}

// members reads the configurations of a cluster, each given as FILE or as
// NAME=FILE. A name is also what lines that begin with '@' are matched with.
// What this machine has and has not is not looked at: they are of others.
func members(args []string) ([]member, error) {
	var out []member
	for _, arg := range args {
		m := member{file: arg}
		if name, file, ok := strings.Cut(arg, "="); ok && name != "" && !strings.Contains(name, "/") {
			m.name, m.file = name, file
		}
		o := syntax.Here(m.name, machine.Random)
		m.conf, _, m.problems = config.Load(m.file, o, config.Environment{Hostname: m.name})
		out = append(out, m)
	}
	named := func(name func(m *member) string) bool {
		seen := map[string]bool{}
		for i := range out {
			n := out[i].name
			if n == "" {
				n = name(&out[i])
			}
			if n == "" || seen[n] {
				return false
			}
			seen[n] = true
		}
		for i := range out {
			if out[i].name == "" {
				out[i].name = name(&out[i])
			}
		}
		return true
	}
	base := func(m *member) string { return strings.TrimSuffix(filepath.Base(m.file), ".conf") }
	folder := func(m *member) string { return filepath.Base(filepath.Dir(m.file)) }
	if !named(base) && !named(folder) && !named(func(m *member) string { return m.file }) {
		return nil, fmt.Errorf("two of the routers have one name; give each as NAME=FILE")
	}
	return out, nil
}

// runnable says whether all members have configurations that could be run.
func (a *app) runnable(list []member) error {
	for _, m := range list {
		if config.RunExit(m.problems) == 0 && m.conf != nil {
			continue
		}
		bad := slices.DeleteFunc(slices.Clone(m.problems), func(p syntax.Problem) bool { return p.Level == syntax.Note })
		if err := syntax.Report(a.errs, syntax.FormatText, version, bad); err != nil {
			return err
		}
		return fmt.Errorf("%s cannot be run", m.file)
	}
	return nil
}
