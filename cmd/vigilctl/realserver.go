// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/engine/sys/realserver"
)

// undoFile is where it is written down what stop undoes; as what it undoes, it
// does not survive a boot.
const undoFile = "/run/vigil/realserver.json"

// realserverCommand has what a real server needs, on that server.
func (a *app) realserverCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "realserver",
		Short: "Make this machine a real server of direct routing; no vigild need run",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&file, "state", undoFile, "where it is written down what stop undoes")
	c.AddCommand(
		&cobra.Command{
			Use:   "start VIP...",
			Short: "Take packets for virtual addresses, without answering ARP for them",
			Long: "Add virtual addresses to lo, and set arp_ignore to 1 and arp_announce to 2, so that\n" +
				"the director alone answers for them. Done again, it changes nothing.",
			Args: cobra.MinimumNArgs(1),
			RunE: func(_ *cobra.Command, args []string) error {
				vips, err := vipsOf(args)
				if err != nil {
					return err
				}
				return realserver.Start(file, vips)
			},
		},
		&cobra.Command{
			Use:   "stop [VIP...]",
			Short: "Undo what start did, and no more",
			RunE: func(_ *cobra.Command, args []string) error {
				vips, err := vipsOf(args)
				if err != nil {
					return err
				}
				notes, err := realserver.Stop(file, vips)
				for _, n := range notes {
					fmt.Fprintf(a.errs, "vigilctl: %s\n", n)
				}
				return err
			},
		},
		&cobra.Command{
			Use:   "status [VIP...]",
			Short: "Show the addresses and settings; status 0 if all is in place, 1 if not, 3 if never started",
			RunE: func(_ *cobra.Command, args []string) error {
				vips, err := vipsOf(args)
				if err != nil {
					return err
				}
				return a.realserverStatus(file, vips)
			},
		},
	)
	return c
}

func vipsOf(args []string) ([]netip.Addr, error) {
	out := make([]netip.Addr, 0, len(args))
	for _, s := range args {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%q is not an address", s)
		}
		out = append(out, a)
	}
	return out, nil
}

// notStarted is what init scripts mean by status 3: not running.
const notStarted = 3

func (a *app) realserverStatus(file string, vips []netip.Addr) error {
	s, err := realserver.Look(file, vips)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(s)
	} else {
		err = a.printRealserver(&s)
	}
	switch {
	case err != nil:
		return err
	case !s.Started && len(vips) == 0:
		return exitStatus(notStarted)
	case !s.Whole():
		return exitStatus(exitFailure)
	}
	return nil
}

func (a *app) printRealserver(s *realserver.Status) error {
	if !s.Started {
		fmt.Fprintln(a.out, "Not started.")
	}
	for _, one := range s.Addresses {
		state := "on lo"
		switch {
		case !one.Present:
			state = "missing"
		case !one.Ours:
			state = "on lo, but not by start"
		}
		fmt.Fprintf(a.out, "%-24s %s\n", one.Address, state)
	}
	for _, one := range s.Settings {
		state := ""
		if one.Was != "" {
			state = " (was " + one.Was + ")"
		}
		if !one.Good {
			state += "  answers ARP for addresses of lo"
		}
		if _, err := fmt.Fprintf(a.out, "%-24s %s%s\n", one.Name, one.Now, state); err != nil {
			return err
		}
	}
	return nil
}
