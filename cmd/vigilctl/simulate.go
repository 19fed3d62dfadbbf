// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/engine/simulate"
)

// exitFindings is the exit status of simulate for a cluster with findings.
const exitFindings = 1

// playing is how failures are played.
type playing struct {
	single, all, transcript bool
	only                    string
	limit                   time.Duration
}

func (a *app) simulateCommand() *cobra.Command {
	o := &playing{}
	c := &cobra.Command{
		Use:   "simulate [NAME=]FILE [NAME=]FILE...",
		Short: "Play every single and double failure of a cluster, and print who wins",
		Long: "Play every single and double failure of the routers whose configurations are given,\n" +
			"on a simulated network and with the protocol machine of vigild: a router dies,\n" +
			"freezes, is stopped or restarts; a link goes down; a tracked object fails; adverts\n" +
			"get lost in one direction or both. Printed is who has each address afterwards, how\n" +
			"long nobody had it, and what should not be: no master, two masters, flapping,\n" +
			"addresses that stay behind. The exit status is 1 if there is any such thing that a\n" +
			"network which carries adverts cannot excuse.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := members(args)
			if err == nil {
				err = a.runnable(list)
			}
			if err != nil {
				return err
			}
			return a.simulate(c.Context(), list, o)
		},
	}
	c.Flags().BoolVar(&o.single, "single", false, "single failures only")
	c.Flags().BoolVar(&o.all, "all", false, "print all double failures")
	c.Flags().BoolVar(&o.transcript, "transcript", false, "print what each router said")
	c.Flags().StringVar(&o.only, "only", "", "only failures whose text has this in it")
	c.Flags().DurationVar(&o.limit, "limit", time.Minute, "begin no more double failures after this time")
	return c
}

// played is what simulate found out.
type played struct {
	Routers  []string            `json:"routers"`
	Start    *simulate.Outcome   `json:"start"`
	Single   []*simulate.Outcome `json:"single"`
	Double   []*simulate.Outcome `json:"double,omitempty"`
	Findings int                 `json:"findings"`
	// LeftOut counts the double failures that there was no time for.
	LeftOut int `json:"left_out,omitempty"`
}

func (a *app) simulate(ctx context.Context, list []member, o *playing) error {
	cluster := &simulate.Cluster{Transcript: o.transcript}
	out := &played{}
	for i := range list {
		s := list[i].conf.VRRP
		cluster.Routers = append(cluster.Routers, simulate.Router{Name: list[i].name, Settings: &s})
		out.Routers = append(out.Routers, list[i].name)
	}
	begin := time.Now()
	out.Start = cluster.Play()
	failures := cluster.Failures()
	for _, f := range failures {
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.Contains(f.String(), o.only) {
			out.Single = append(out.Single, cluster.Play(f))
		}
	}
	if !o.single {
		if err := a.doubles(ctx, cluster, failures, o, out, begin); err != nil {
			return err
		}
	}
	for _, x := range slices.Concat([]*simulate.Outcome{out.Start}, out.Single, out.Double) {
		if !excused(x) {
			out.Findings += len(x.Findings)
		}
	}
	if err := a.printPlayed(out, o); err != nil {
		return err
	}
	if out.Findings > 0 {
		return exitStatus(exitFindings)
	}
	return nil
}

// doubles plays the double failures, as long as there is time.
func (a *app) doubles(ctx context.Context, c *simulate.Cluster, failures []simulate.Failure, o *playing, out *played, begin time.Time) error {
	pairs := simulate.Pairs(failures)
	said := begin
	for i, p := range pairs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !strings.Contains(p[0].String()+", then "+p[1].String(), o.only) {
			continue
		}
		now := time.Now()
		if now.Sub(begin) > o.limit {
			out.LeftOut++
			continue
		}
		if now.Sub(said) > 2*time.Second {
			said = now
			fmt.Fprintf(a.errs, "%d of %d double failures are played\n", i, len(pairs))
		}
		out.Double = append(out.Double, c.Play(p[0], p[1]))
	}
	return nil
}

// excused says whether routers do not hear each other, so that several masters
// are what the protocol wants; that alone is no fault of the configurations.
func excused(o *simulate.Outcome) bool {
	apart := false
	for _, f := range o.Failures {
		apart = apart || f.Kind == simulate.OneWay || f.Kind == simulate.Apart
	}
	for _, f := range o.Findings {
		if f.Rule != simulate.TwoMasters && f.Rule != simulate.Flapping || !apart {
			return false
		}
	}
	return true
}

// printPlayed prints what was found out.
func (a *app) printPlayed(p *played, o *playing) error {
	if a.json {
		return a.printJSON(p)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "At the start\n")
	outcomeText(&b, p.Start)
	for _, x := range p.Single {
		fmt.Fprintf(&b, "\n%s\n", failuresText(x))
		outcomeText(&b, x)
	}
	shown := 0
	for _, x := range p.Double {
		if excused(x) && !o.all {
			continue
		}
		shown++
		fmt.Fprintf(&b, "\n%s\n", failuresText(x))
		outcomeText(&b, x)
	}
	fmt.Fprintf(&b, "\n%d single and %d double failures were played", len(p.Single), len(p.Double))
	if n := len(p.Double) - shown; n > 0 {
		fmt.Fprintf(&b, "; %d double ones with nothing that the network does not excuse are not shown (--all)", n)
	}
	if p.LeftOut > 0 {
		fmt.Fprintf(&b, "; there was no time for %d double ones (--limit)", p.LeftOut)
	}
	fmt.Fprintf(&b, "; findings: %d\n", p.Findings)
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func failuresText(o *simulate.Outcome) string {
	var parts []string
	for _, f := range o.Failures {
		parts = append(parts, f.String())
	}
	return strings.Join(parts, ", then ")
}

// outcomeText prints who has what: one line for all addresses of an instance
// that fared alike.
func outcomeText(b *strings.Builder, o *simulate.Outcome) {
	for _, l := range o.Transcript {
		fmt.Fprintf(b, "    %s\n", l)
	}
	last := ""
	for i := range o.Addresses {
		x := &o.Addresses[i]
		text := fmt.Sprintf("%s: %s", x.Instance, holders(x.After))
		if len(o.Failures) > 0 && strings.Join(x.Before, " ") != strings.Join(x.After, " ") {
			text = fmt.Sprintf("%s: %s -> %s", x.Instance, holders(x.Before), holders(x.After))
		}
		if len(o.Failures) > 0 && x.Absent > 0 {
			text += fmt.Sprintf(", nobody for %.2f s", x.Absent.Seconds())
		}
		if len(o.Failures) > 0 && x.Twice > 0 {
			text += fmt.Sprintf(", several for %.2f s", x.Twice.Seconds())
		}
		if text == last {
			continue
		}
		last = text
		fmt.Fprintf(b, "  %s  (%v)\n", text, x.Address)
	}
	for _, f := range o.Findings {
		fmt.Fprintf(b, "  ! %s %s: %s\n", f.Rule, f.Subject, f.Message)
	}
}

func holders(list []string) string {
	if len(list) == 0 {
		return "nobody"
	}
	return strings.Join(list, " and ")
}
