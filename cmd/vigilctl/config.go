// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/machine"
	"github.com/vigild/vigild/config/syntax"
)

// defaultConfig is the file that vigild reads unless told otherwise.
const defaultConfig = "/etc/keepalived/keepalived.conf"

// exitStatus is an exit code that says it all: what there was to print has
// been printed.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// source is how the commands below read a configuration.
type source struct {
	id     string
	format syntax.Format
}

// configCommand has what can be told of a configuration without a daemon.
func (a *app) configCommand() *cobra.Command {
	s := &source{format: syntax.FormatText}
	c := &cobra.Command{
		Use:   "config",
		Short: "Check, print and explain configurations; no vigild need run",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&s.id, "config-id", "", "as vigild -i: which lines that begin with '@' hold (default: the node name)")
	c.AddCommand(a.configTestCommand(s), a.configPrintCommand(s), a.configDocCommand(), a.configLintCommand(s))
	return c
}

func (s *source) language() syntax.Options {
	return syntax.Here(s.id, machine.Random)
}

func fileOf(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return defaultConfig
}

func (a *app) configTestCommand(s *source) *cobra.Command {
	c := &cobra.Command{
		Use:   "test [FILE]",
		Short: "Check a configuration and report every problem with its place",
		Long: "Check a configuration and report every problem as file:line:column, as vigild -t\n" +
			"does, and with its exit codes: 0 fit to run, 4 no such file, 5 problems, 6 scripts\n" +
			"that somebody other than root could change.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, _, found := config.Load(fileOf(args), s.language(), machine.Environment(true))
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
		},
	}
	c.Flags().Var(&s.format, "format", "text, json (an object per line) or sarif")
	return c
}

func (a *app) configPrintCommand(s *source) *cobra.Command {
	return &cobra.Command{
		Use:   "print [FILE]",
		Short: "Print a configuration in its canonical form",
		Long: "Print a configuration as vigild understands it: includes, definitions and\n" +
			"conditions are resolved, and every keyword has today's spelling. The result is a\n" +
			"configuration that means the same. Problems go to the standard error.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, _, found := config.Load(fileOf(args), s.language(), machine.Environment(true))
			if err := syntax.Report(a.errs, syntax.FormatText, version, found); err != nil {
				return err
			}
			if status := config.TestExit(found); c == nil || status == config.ExitFatal {
				return exitStatus(status)
			}
			_, err := a.out.Write(config.Print(c))
			return err
		},
	}
}

func (a *app) configDocCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doc [KEYWORD|BLOCK/KEYWORD]",
		Short: "Explain a keyword; without one, list them all",
		Example: "  vigilctl config doc garp_master_delay\n" +
			"  vigilctl config doc vrrp_instance/priority",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeKeyword,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listKeywords()
			}
			return a.explainKeyword(args[0])
		},
	}
}

// completeKeyword gives the keywords that begin so to a shell.
func completeKeyword(_ *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for i := range config.Keywords {
		k := &config.Keywords[i]
		for _, name := range []string{k.Name, k.Path()} {
			if strings.HasPrefix(name, begin) {
				out = append(out, name+"\t"+k.Doc)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), cobra.ShellCompDirectiveNoFileComp
}

// keyword is a row of the table as `config doc --json` gives it.
type keyword struct {
	Block    string `json:"block,omitempty"`
	Name     string `json:"name"`
	Form     string `json:"form,omitempty"`
	Default  string `json:"default,omitempty"`
	Tier     string `json:"tier"`
	Doc      string `json:"doc,omitempty"`
	Instead  string `json:"instead,omitempty"`
	NoEffect string `json:"no_effect,omitempty"`
	Once     string `json:"once,omitempty"`
}

func keywordOf(k *config.Keyword) keyword {
	return keyword{k.Block, k.Name, k.Form, k.Default, string(rune(k.Tier)), k.Doc, k.Instead, k.NoEffect, k.Once}
}

// listKeywords prints all keywords, block by block.
func (a *app) listKeywords() error {
	if a.json {
		all := make([]keyword, 0, len(config.Keywords))
		for i := range config.Keywords {
			all = append(all, keywordOf(&config.Keywords[i]))
		}
		return a.printJSON(all)
	}
	block := "-"
	for i := range config.Keywords {
		k := &config.Keywords[i]
		if k.Block != block {
			block = k.Block
			heading := "At the top:"
			if block != "" {
				heading = "In " + block + ":"
			}
			if _, err := fmt.Fprintf(a.out, "%s\n", heading); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(a.out, "  %-32s %s\n", k.Name, k.Doc); err != nil {
			return err
		}
	}
	return nil
}

// explainKeyword prints every row of that name, or of that path.
func (a *app) explainKeyword(name string) error {
	var rows []keyword
	for i := range config.Keywords {
		if k := &config.Keywords[i]; k.Name == name || k.Path() == name {
			rows = append(rows, keywordOf(k))
		}
	}
	if len(rows) == 0 {
		return unknownKeyword(name)
	}
	if a.json {
		return a.printJSON(rows)
	}
	for i := range rows {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		if _, err := fmt.Fprint(a.out, rows[i].text()); err != nil {
			return err
		}
	}
	return nil
}

// text explains a keyword in a few lines.
func (k *keyword) text() string {
	var b strings.Builder
	fmt.Fprintln(&b, strings.TrimSpace(k.Name+" "+k.Form))
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-9s %s\n", what, text)
		}
	}
	line("", k.Doc)
	where := "at the top"
	if k.Block != "" {
		where = k.Block
	}
	line("in", where)
	line("default", k.Default)
	line("today", k.Instead)
	line("note", k.NoEffect)
	line("once", k.Once)
	return b.String()
}

func unknownKeyword(name string) error {
	block, word := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		block, word = name[:i], name[i+1:]
	}
	blocks := []string{block}
	if block == "" {
		for i := range config.Keywords {
			blocks = append(blocks, config.Keywords[i].Block)
		}
		slices.Sort(blocks)
		blocks = slices.Compact(blocks)
	}
	for _, in := range blocks {
		if near := config.Suggest(in, word); near != "" {
			return fmt.Errorf("there is no keyword %q; did you mean %s?", name, strings.TrimPrefix(in+"/"+near, "/"))
		}
	}
	return fmt.Errorf("there is no keyword %q; vigilctl config doc lists all", name)
}

// statusOf takes an exit code out of an error that has no more to say.
func statusOf(err error) (int, bool) {
	var status exitStatus
	ok := errors.As(err, &status)
	return int(status), ok
}
