// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"fmt"
	"strings"
)

// takes is whether an option has an argument.
type takes uint8

const (
	nothing takes = iota
	value
	// maybe is an argument that must be attached: -tFILE or --config-test=FILE.
	maybe
)

// option is one option of the command line.
type option struct {
	short byte // 0 for none
	long  string
	arg   takes
	// name is what the help calls the argument, help what it says; an option
	// without help is not shown.
	name, help string
	set        func(o *Options, v string) error
}

// getopt reads a command line as getopt_long(3) does, and so as keepalived's
// scripts and units expect: short options may stand together, an argument
// attached or behind, long names may be cut short, options may follow words.
func getopt(table []option, o *Options, args []string) (words []string, err error) {
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch {
		case a == "--":
			return append(words, args...), nil
		case strings.HasPrefix(a, "--"):
			args, err = longOption(table, o, a[2:], args)
		case len(a) > 1 && a[0] == '-':
			args, err = shortOptions(table, o, a[1:], args)
		default:
			words = append(words, a)
		}
		if err != nil {
			return words, err
		}
	}
	return words, nil
}

func longOption(table []option, o *Options, text string, rest []string) ([]string, error) {
	name, v, attached := strings.Cut(text, "=")
	opt, err := findLong(table, name)
	if err != nil {
		return rest, err
	}
	switch {
	case opt.arg == nothing && attached:
		return rest, fmt.Errorf("option '--%s' doesn't allow an argument", opt.long)
	case opt.arg == value && !attached:
		if len(rest) == 0 {
			return rest, fmt.Errorf("option '--%s' requires an argument", opt.long)
		}
		v, rest = rest[0], rest[1:]
	}
	return rest, opt.apply(o, v)
}

func findLong(table []option, name string) (*option, error) {
	var found *option
	for i := range table {
		switch {
		case table[i].long == name:
			return &table[i], nil
		case name == "" || !strings.HasPrefix(table[i].long, name):
		case found != nil:
			return nil, fmt.Errorf("option '--%s' is ambiguous: '--%s' '--%s'", name, found.long, table[i].long)
		default:
			found = &table[i]
		}
	}
	if found == nil {
		return nil, fmt.Errorf("unrecognized option '--%s'", name)
	}
	return found, nil
}

func shortOptions(table []option, o *Options, text string, rest []string) ([]string, error) {
	for text != "" {
		c := text[0]
		text = text[1:]
		opt := findShort(table, c)
		if opt == nil {
			return rest, fmt.Errorf("invalid option -- '%c'", c)
		}
		v := ""
		switch opt.arg {
		case nothing:
		case value:
			if v, text = text, ""; v == "" {
				if len(rest) == 0 {
					return rest, fmt.Errorf("option requires an argument -- '%c'", c)
				}
				v, rest = rest[0], rest[1:]
			}
		case maybe:
			v, text = text, ""
		}
		if err := opt.apply(o, v); err != nil {
			return rest, err
		}
	}
	return rest, nil
}

func findShort(table []option, c byte) *option {
	for i := range table {
		if table[i].short == c && c != 0 {
			return &table[i]
		}
	}
	return nil
}

func (opt *option) apply(o *Options, v string) error {
	if err := opt.set(o, v); err != nil {
		return fmt.Errorf("option '--%s': %w", opt.long, err)
	}
	return nil
}

// usage lists the options.
func usage(table []option) string {
	var b strings.Builder
	for i := range table {
		opt := &table[i]
		if opt.help == "" {
			continue
		}
		left := "      --" + opt.long
		if opt.short != 0 {
			left = fmt.Sprintf("  -%c, --%s", opt.short, opt.long)
		}
		switch opt.arg {
		case nothing:
		case value:
			left += "=" + opt.name
		case maybe:
			left += "[=" + opt.name + "]"
		}
		lines := strings.Split(opt.help, "\n")
		if len(left) >= 30 {
			b.WriteString(left + "\n")
			left = ""
		}
		for _, l := range lines {
			fmt.Fprintf(&b, "%-30s %s\n", left, l)
			left = ""
		}
	}
	return b.String()
}
