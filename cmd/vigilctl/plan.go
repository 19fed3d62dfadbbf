// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/collector/api"
	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/machine"
	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/plan"
)

// planner makes plans of reloads.
type planner struct {
	source
	from   string
	backup bool
}

func (a *app) planCommand() *cobra.Command {
	p := &planner{source: source{format: syntax.FormatText}}
	c := &cobra.Command{
		Use:   "plan [FILE]",
		Short: "Say what a reload would do, before it is done",
		Long: "Say what a reload with the configuration in FILE (by default the file that the\n" +
			"running vigild reads) would do: what comes, goes and changes; transitions with\n" +
			"their reasons, at once and later; addresses and routes that move; adverts and\n" +
			"gratuitous ARPs; operations on the IPVS table, and connections that they touch.\n" +
			"Nothing is changed.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			made, err := a.plan(c.Context(), p, args)
			if err != nil {
				return err
			}
			return a.printPlan(made.plan)
		},
	}
	c.Flags().StringVar(&p.from, "from", "", "plan from this configuration instead of what runs; no vigild need run")
	c.Flags().BoolVar(&p.backup, "backup", false, "with --from: another router is master of everything (default: this one is)")
	c.Flags().StringVar(&p.id, "config-id", "", "as vigild -i: which lines that begin with '@' hold (default: the node name)")
	return c
}

// planned is a plan with what it was made of.
type planned struct {
	plan *plan.Plan
	// file is the one that the daemon reads, next the one that was planned for.
	file, next string
	conf       *config.Config
	// text is what next has, if it is one file.
	text []byte
}

// plan makes the plan of a command line.
func (a *app) plan(ctx context.Context, p *planner, args []string) (*planned, error) {
	out := &planned{}
	var old *config.Config
	state := &plan.State{Backup: p.backup}
	if p.from != "" {
		if len(args) == 0 {
			return nil, errors.New("--from needs the other configuration as FILE")
		}
		c, err := a.load(&p.source, p.from)
		if err != nil {
			return nil, err
		}
		old, out.next = c, args[0]
	} else {
		running, err := a.client().Running(ctx)
		if err != nil {
			return nil, err
		}
		c, found := config.Parse([]byte(running.Text), machine.Worker())
		if status := config.RunExit(found); status != 0 {
			return nil, fmt.Errorf("the configuration in force, of %s, is not understood: this vigilctl is of another version", running.File)
		}
		old, state, out.file, out.next = c, stateOf(running), running.File, running.File
		if len(args) > 0 {
			out.next = args[0]
		}
	}
	// What cannot be read is complained about in a moment.
	out.text, _ = os.ReadFile(out.next)
	next, err := a.load(&p.source, out.next)
	if err != nil {
		return nil, err
	}
	out.conf = next
	out.plan = plan.Make(plan.Settings{VRRP: &old.VRRP, Health: &old.Health}, plan.Settings{VRRP: &next.VRRP, Health: &next.Health}, state)
	return out, nil
}

// load reads a configuration as the daemon would, and reports its problems
// only if it would not take it. Interfaces of another network namespace are not looked at.
func (a *app) load(s *source, file string) (*config.Config, error) {
	c, _, found := config.Load(file, s.language(), machine.Environment(false))
	if c != nil && c.Global.NetNamespace != "" {
		c, _, found = config.Load(file, s.language(), machine.Worker())
	}
	if status := config.RunExit(found); status != 0 || c == nil {
		if err := syntax.Report(a.errs, syntax.FormatText, version, found); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s cannot be run", file)
	}
	return c, nil
}

// stateOf is how a daemon said that it stands.
func stateOf(r *api.Running) *plan.State {
	s := &plan.State{Known: true}
	for _, in := range r.Instances {
		out := plan.Instance{Name: in.Name, State: in.State, MasterPriority: in.MasterPriority, MasterInterval: in.MasterInterval}
		out.Source, _ = netip.ParseAddr(in.Source)
		out.Master, _ = netip.ParseAddr(in.Master)
		s.Instances = append(s.Instances, out)
	}
	for _, o := range r.Objects {
		if o.Kind == event.SubjectInterface && o.State == event.Down {
			s.Down = append(s.Down, o.Name)
		}
		s.Objects = append(s.Objects, plan.Object{Kind: o.Kind, Name: o.Name, State: o.State, Value: o.Value})
	}
	for _, v := range r.Servers {
		s.Servers = append(s.Servers, plan.Server{
			Subject: v.Subject, State: v.State, Weight: v.Weight, HasWeight: v.State == event.Up, Active: v.Active, Inactive: v.Inactive,
		})
	}
	return s
}

// printPlan prints a plan for people, or as JSON.
func (a *app) printPlan(p *plan.Plan) error {
	if a.json {
		return a.printJSON(p)
	}
	_, err := fmt.Fprint(a.out, planText(p, a.paint))
	return err
}

// listMost is how many lines of one sort are printed.
const listMost = 200

// planText is a plan for people.
func planText(p *plan.Plan, paint palette) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	head := "Impact: " + p.Impact.String()
	if paint.Strong != nil {
		head = paint.Strong(head)
	}
	say("%s", head)
	for _, d := range p.Dangers {
		d = "DANGER: " + d
		if paint.Bad != nil {
			d = paint.Bad(d)
		}
		say("%s", d)
	}
	section := func(title string, n int, line func(i int) string) {
		if n == 0 {
			return
		}
		say("\n%s", title)
		for i := range min(n, listMost) {
			say("  %s", line(i))
		}
		if n > listMost {
			say("  and %d more; --json has all", n-listMost)
		}
	}
	for _, s := range []struct {
		title string
		list  []plan.Change
	}{
		{"Instances", p.Instances},
		{"Sync groups", p.Groups},
		{"Virtual servers", p.Services},
		{"Real servers", p.Servers},
		{"Checks", p.Checks},
	} {
		section(s.title, len(s.list), func(i int) string { return changeText(&s.list[i]) })
	}
	section("Other settings", len(p.Global), func(i int) string { return p.Global[i] })
	section("Transitions at once", len(p.Transitions), func(i int) string { return transitionText(&p.Transitions[i]) })
	section("Transitions that follow", len(p.Later), func(i int) string { return transitionText(&p.Later[i]) })
	section("Priorities", len(p.Priorities), func(i int) string {
		return fmt.Sprintf("%s: %d -> %d", p.Priorities[i].Instance, p.Priorities[i].From, p.Priorities[i].To)
	})
	section("Addresses, routes and rules", len(p.Moves), func(i int) string { return moveText(&p.Moves[i]) })
	section("IPVS operations", len(p.Operations), func(i int) string {
		o := &p.Operations[i]
		text := fmt.Sprintf("%v %s", o.Kind, o.Service)
		if o.Server != "" {
			text += fmt.Sprintf(" %s weight %d", o.Server, o.Weight)
		}
		return text
	})
	b.WriteByte('\n')
	if n := p.Adverts + p.Zeros; n > 0 {
		say("Adverts sent at once: %d, of them with priority 0: %d", n, p.Zeros)
	}
	if p.GratuitousARPs+p.UnsolicitedNAs > 0 {
		say("Announcements sent at once: %d gratuitous ARP, %d unsolicited NA", p.GratuitousARPs, p.UnsolicitedNAs)
	}
	if c := p.Connections; c.Active+c.Inactive > 0 {
		say("Connections of servers that go or lose their weight: %d active, %d inactive", c.Active, c.Inactive)
	}
	for _, text := range p.Assumed {
		say("Assumed: %s", text)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func changeText(c *plan.Change) string {
	text := fmt.Sprintf("%s %s", c.Name, c.What)
	if len(c.Settings) > 0 {
		text += ": " + strings.Join(c.Settings, ", ")
	}
	return text
}

func transitionText(t *plan.Transition) string {
	name := t.Subject.Name
	if t.Subject.Kind == event.SubjectRealServer {
		name += " " + t.Subject.Sub
	}
	text := fmt.Sprintf("%s: %v -> %v (%v)", name, t.From, t.To, t.Reason)
	if t.After > 0 {
		text += fmt.Sprintf(" after %.1f s", t.After.Seconds())
	}
	return text
}

func moveText(m *plan.Move) string {
	sign, of := "-", ""
	if m.Add {
		sign = "+"
	}
	if m.Instance != "" {
		of = " (" + m.Instance + ")"
	}
	return fmt.Sprintf("%s %s %s%s", sign, m.Kind, m.Text, of)
}
