// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"

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
		if c.Global.NetNamespace == "" {
			state.Present = present()
		}
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

// present are the addresses of this host, nil if nobody says.
func present() (out []netip.Addr) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if at, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, at.Unmap())
			}
		}
	}
	return out
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

// impactFlag is plan.Impact as the value of a flag.
type impactFlag struct{ plan.Impact }

// Set implements the flag's value.
func (f *impactFlag) Set(word string) error { return f.UnmarshalText([]byte(word)) }

// Type names the kind of value in the help.
func (*impactFlag) Type() string { return "IMPACT" }

func (a *app) reloadCommand() *cobra.Command {
	p := &planner{source: source{format: syntax.FormatText}}
	most := impactFlag{plan.Any}
	c := &cobra.Command{
		Use:   "reload [FILE]",
		Short: "Let vigild reload its configuration, unless that would do too much",
		Long: "Plan a reload, and do it unless the plan has more in it than --max-impact allows;\n" +
			"then nothing is done and the exit status is 5. With FILE, that takes the place of\n" +
			"the file that vigild reads, which is kept beside it as NAME.previous, and comes\n" +
			"back if vigild refuses the new one. Only root may do this.\n\n" +
			"The impacts, each with those before it: none (a master may say an advert out of\n" +
			"turn), checks (how servers are checked, priorities, timers), servers (entries of\n" +
			"the IPVS table), addresses (addresses, routes, rules of a master that stays one),\n" +
			"transitions (instances or virtual servers change their state, come or go; at\n" +
			"once, or later because of it), any (that, and what would be wrong afterwards,\n" +
			"such as two masters).",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			made, err := a.plan(c.Context(), p, args)
			if err != nil {
				return err
			}
			if err := a.printPlan(made.plan); err != nil {
				return err
			}
			if made.plan.Impact > most.Impact {
				fmt.Fprintf(a.errs, "vigilctl: not reloaded: the impact is %v, and --max-impact is %v\n", made.plan.Impact, most.Impact)
				return exitStatus(exitRefused)
			}
			return a.reload(c.Context(), made)
		},
	}
	c.Flags().Var(&most, "max-impact", "the most that it may do: "+strings.Join(plan.Impacts(), ", "))
	c.Flags().StringVar(&p.id, "config-id", "", "as vigild -i: which lines that begin with '@' hold (default: the node name)")
	return c
}

// reload puts the new file in place, and asks for the reload.
func (a *app) reload(ctx context.Context, made *planned) error {
	same, err := sameFile(made.file, made.next)
	if err != nil {
		return err
	}
	if same {
		return a.client().Reload(ctx)
	}
	if err := portable(made.conf, made.next, made.file); err != nil {
		return err
	}
	if text, err := os.ReadFile(made.next); err != nil || !bytes.Equal(text, made.text) {
		return errors.Join(err, fmt.Errorf("%s changed while it was planned for", made.next))
	}
	back, err := replace(made.file, made.text)
	if err != nil {
		return err
	}
	if err := a.client().Reload(ctx); err != nil {
		return errors.Join(err, back())
	}
	return nil
}

func sameFile(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y), err
}

// portable says whether a file means the same in another folder: what it
// includes by a relative name would not be found.
func portable(c *config.Config, from, to string) error {
	x, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	if len(c.Files) > 1 && filepath.Dir(x) != filepath.Dir(to) {
		return fmt.Errorf("%s includes other files, so it cannot take the place of %s in another folder", from, to)
	}
	return nil
}

// replace puts a text in the place of that of a file, with the owner and
// mode of that, and keeps the old one beside it. back undoes it.
func replace(file string, text []byte) (back func() error, err error) {
	// A link stays one: what it points to is replaced.
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return nil, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if st, ok := info.Sys().(*syscall.Stat_t); ok && err == nil {
		err = f.Chown(int(st.Uid), int(st.Gid))
	}
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err != nil {
		return nil, fmt.Errorf("write beside %s: %w", file, err)
	}
	previous := file + ".previous"
	if err = os.Remove(previous); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err = os.Link(file, previous); err != nil {
		return nil, err
	}
	if err = os.Rename(f.Name(), file); err != nil {
		return nil, err
	}
	return func() error { return os.Rename(previous, file) }, nil
}
