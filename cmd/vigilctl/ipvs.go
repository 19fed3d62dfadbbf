// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/engine/sys/ipvs/rules"
)

// rulesMost is how much text a file of rules may have.
const rulesMost = 64 << 20

// ipvsCommand shows what the kernel's IPVS has, or in a dry run would have, as
// vigild sees it; the commands below it ask the kernel themselves.
func (a *app) ipvsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "ipvs",
		Short: "Show the table of virtual services, or what a dry run would program",
		Long: "Show the table of virtual services as ipvsadm -Sn writes it: what the kernel has or,\nwith --dataplane=dry-run, what it would be told.\n\n" +
			"The commands below ask the kernel of this machine, with or without a vigild.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
			defer cancel()
			text, err := a.client().Table(ctx)
			if err != nil {
				return err
			}
			var t struct {
				Services json.RawMessage `json:"services"`
				Text     string          `json:"text"`
			}
			if err := json.Unmarshal(text, &t); err != nil {
				return fmt.Errorf("read the answer: %w", err)
			}
			if a.json {
				return a.printJSON(t.Services)
			}
			fmt.Fprint(a.out, clean(t.Text))
			return nil
		},
	}
	c.AddCommand(a.ipvsListCommand(), a.ipvsSaveCommand(), a.ipvsRestoreCommand())
	return c
}

// openIPVS connects to the kernel's IPVS.
func openIPVS() (*ipvs.Conn, error) {
	c, err := ipvs.Open()
	if errors.Is(err, ipvs.ErrUnavailable) {
		return nil, fmt.Errorf("%w: modprobe ip_vs loads it", err)
	}
	return c, err
}

func (a *app) ipvsListCommand() *cobra.Command {
	var stats, rate, thresholds, exact, numeric bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the kernel's table as ipvsadm -Ln does",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			conn, err := openIPVS()
			if err != nil {
				return err
			}
			defer conn.Close()
			info, err := conn.Info()
			if err != nil {
				return err
			}
			t, err := conn.Table()
			if err != nil {
				return err
			}
			columns := rules.Plain
			switch {
			case stats:
				columns = rules.Stats
			case rate:
				columns = rules.Rate
			case thresholds:
				columns = rules.Thresholds
			}
			_, err = io.WriteString(a.out, rules.List(t, info, columns, exact))
			return err
		},
	}
	c.Flags().BoolVar(&stats, "stats", false, "show the counters")
	c.Flags().BoolVar(&rate, "rate", false, "show the rates per second")
	c.Flags().BoolVar(&thresholds, "thresholds", false, "show the thresholds of connections")
	c.Flags().BoolVar(&exact, "exact", false, "do not shorten large numbers")
	c.Flags().BoolVarP(&numeric, "numeric", "n", true, "as ipvsadm -n, which is always so")
	c.MarkFlagsMutuallyExclusive("stats", "rate", "thresholds")
	return c
}

func (a *app) ipvsSaveCommand() *cobra.Command {
	var numeric bool
	c := &cobra.Command{
		Use:   "save",
		Short: "Print the kernel's table as ipvsadm -Sn does",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			conn, err := openIPVS()
			if err != nil {
				return err
			}
			defer conn.Close()
			t, err := conn.Table()
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.out, rules.Save(t))
			return err
		},
	}
	c.Flags().BoolVarP(&numeric, "numeric", "n", true, "as ipvsadm -n, which is always so")
	return c
}

func (a *app) ipvsRestoreCommand() *cobra.Command {
	var all, dry bool
	c := &cobra.Command{
		Use:   "restore [FILE]",
		Short: "Make the kernel's table what the rules of ipvsadm say, by difference",
		Long: "Read rules as ipvsadm -R does, from a file or the standard input, and make the\n" +
			"kernel's table what they say. Names of services and hosts are looked up. If a line is\n" +
			"wrong, nothing is changed and every such line is named. A service that the rules add\n" +
			"has their servers afterwards and no others; what is the same already is left alone, so\n" +
			"that no connection is lost. Services that they do not name stay, unless --clear is given.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			list, err := readRules(args)
			if err != nil {
				return err
			}
			return a.restore(list, all, dry)
		},
	}
	c.Flags().BoolVar(&all, "clear", false, "remove the services that the rules do not add, as ipvsadm -C first would")
	c.Flags().BoolVar(&dry, "dry-run", false, "print the changes, and make none")
	return c
}

// ruleErrors are the lines of a file that are wrong.
type ruleErrors struct {
	file string
	list []rules.Error
}

// Error names each line.
func (e *ruleErrors) Error() string {
	var b strings.Builder
	for i, one := range e.list {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d: %s", e.file, one.Line, one.What)
	}
	return b.String()
}

// readRules reads the file that is named, or the standard input.
func readRules(args []string) (*ruleFile, error) {
	name, in := "standard input", io.Reader(os.Stdin)
	if len(args) > 0 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return nil, err
		}
		defer f.Close()
		name, in = args[0], f
	}
	text, err := io.ReadAll(io.LimitReader(in, rulesMost+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(text) > rulesMost {
		return nil, fmt.Errorf("%s has more than %d bytes", name, rulesMost)
	}
	list, errs := rules.Parse(string(text), rules.Names{Port: lookupPort, Host: lookupHost})
	if len(errs) > 0 {
		return nil, &ruleErrors{name, errs}
	}
	return &ruleFile{name, list}, nil
}

// ruleFile is a file of rules without mistakes.
type ruleFile struct {
	name string
	list []rules.Rule
}

// lookupPort finds the port of a service; SCTP has those of TCP.
func lookupPort(protocol, name string) (uint16, error) {
	if protocol != "udp" {
		protocol = "tcp"
	}
	n, err := net.LookupPort(protocol, name)
	return uint16(n), err
}

// lookupHost finds the address of a host, an IPv4 one if there is any.
func lookupHost(name string) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, one := range list {
		if one.Unmap().Is4() {
			return one.Unmap(), nil
		}
	}
	if len(list) == 0 {
		return netip.Addr{}, errors.New("it has no address")
	}
	return list[0], nil
}

// restore makes the table what the rules say, or says how.
func (a *app) restore(file *ruleFile, all, dry bool) error {
	conn, err := openIPVS()
	if err != nil {
		return err
	}
	defer conn.Close()
	was, err := conn.Table()
	if err != nil {
		return err
	}
	start := was
	if all {
		start = rules.Without(was, file.list)
	}
	want, errs := rules.After(start, file.list)
	if len(errs) > 0 {
		return &ruleErrors{file.name, errs}
	}
	ops := rules.Diff(was, want)
	if dry {
		for i := range ops {
			if _, err := fmt.Fprintln(a.out, ops[i].String()); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.Join(conn.Apply(ops)...)
}
