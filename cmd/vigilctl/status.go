// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/collector/api"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
)

// askTimeout is how long vigilctl waits for an answer.
const askTimeout = 10 * time.Second

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what is true now: instances, addresses, what is tracked, and problems",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
			defer cancel()
			s, err := a.client().Status(ctx)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(s)
			}
			a.printStatus(s)
			return nil
		},
	}
}

// printStatus renders a status for people.
func (a *app) printStatus(s *api.Status) {
	fmt.Fprintln(a.out, clean(headline(s)))
	for i, p := range s.Problems {
		if i == 0 {
			fmt.Fprintln(a.out)
		}
		line := "! " + clean(p)
		if a.paint.Bad != nil {
			line = a.paint.Bad(line)
		}
		fmt.Fprintln(a.out, line)
	}
	a.printInstances(a.out, s)
	var rows [][]cell
	for _, g := range s.Groups {
		rows = append(rows, []cell{{text: g.Name}, {g.State.String(), a.paint.state(g.State)}, {text: ago(s, g.SinceWall)}, {text: strings.Join(g.Members, ", ")}})
	}
	table(a.out, a.paint, []string{"GROUP", "STATE", "FOR", "MEMBERS"}, rows)
	a.printServices(s)
	rows = nil
	for _, t := range s.Tracked {
		value := ""
		if t.Kind == event.SubjectFile || t.Kind == event.SubjectProcess {
			value = strconv.FormatInt(t.Value, 10)
		}
		rows = append(rows, []cell{{text: t.Kind.String() + " " + t.Name}, {t.State.String(), a.paint.state(t.State)}, {text: ago(s, t.ChangedWall)}, {text: value}})
	}
	table(a.out, a.paint, []string{"TRACKED", "STATE", "FOR", "VALUE"}, rows)
	rows = nil
	for _, c := range s.Channels {
		rows = append(rows, plain(c.Name, strconv.FormatUint(c.Sent, 10), strconv.FormatUint(c.Failed, 10)))
	}
	table(a.out, a.paint, []string{"CHANNEL", "DELIVERED", "FAILED ATTEMPTS"}, rows)
	rows = nil
	for _, w := range s.Workers {
		state := event.Down
		if w.Up {
			state = event.Up
		}
		rows = append(rows, []cell{{text: w.Name}, {state.String(), a.paint.state(state)}, {text: ago(s, w.SinceWall)}, {text: strconv.FormatUint(w.Restarts, 10)}})
	}
	table(a.out, a.paint, []string{"PROCESS", "STATE", "FOR", "RESTARTS"}, rows)
}

// headline says who answers and what is in force.
func headline(s *api.Status) string {
	out := "vigild"
	if s.Version != "" {
		out += " " + s.Version
	}
	if s.RouterID != "" {
		out += ", router " + s.RouterID
	}
	if s.Shadow {
		out += ", observes another daemon (INIT is not known)"
	}
	if s.Generation == 0 {
		return out + ", no configuration in force yet"
	}
	out += fmt.Sprintf(", configuration %d", s.Generation)
	if s.Config.LoadedWall != 0 {
		out += " loaded " + explain.Time(s.Config.LoadedWall)
	}
	if s.Config.Warnings == 1 {
		out += " with 1 warning"
	} else if s.Config.Warnings > 1 {
		out += fmt.Sprintf(" with %d warnings", s.Config.Warnings)
	}
	return out
}

func (a *app) printInstances(w io.Writer, s *api.Status) {
	var rows [][]cell
	for i := range s.Instances {
		in := &s.Instances[i]
		master := in.Master
		switch {
		case in.State == event.Master:
			master = "this router"
		case master != "" && in.MasterPriority != 0:
			master += fmt.Sprintf(" (%d)", in.MasterPriority)
		}
		rows = append(rows, []cell{
			{text: in.Name},
			{in.State.String(), a.paint.state(in.State)},
			{text: ago(s, in.SinceWall)},
			{text: in.Reason.String()},
			{text: priority(in)},
			{text: master},
			{text: in.Interface},
			{text: strconv.Itoa(int(in.VRID))},
			{text: addresses(in)},
		})
	}
	if len(rows) == 0 {
		if len(s.Services) == 0 {
			fmt.Fprintln(w, "\nNo VRRP instance is configured.")
		}
		return
	}
	table(w, a.paint, []string{"INSTANCE", "STATE", "FOR", "REASON", "PRIORITY", "MASTER", "INTERFACE", "VRID", "ADDRESSES"}, rows)
}

func (a *app) printServices(s *api.Status) {
	var rows [][]cell
	for i := range s.Services {
		v := &s.Services[i]
		var notes []string
		for note, on := range map[string]bool{"sorry server stands in": v.Sorry, "suspended": v.Suspended, "brake": v.Braked} {
			if on {
				notes = append(notes, note)
			}
		}
		slices.Sort(notes)
		rows = append(rows, []cell{
			{text: v.Name},
			{v.State.String(), a.paint.state(v.State)},
			{text: ago(s, v.SinceWall)},
			{text: fmt.Sprintf("%d of %d", v.Up, v.Up+v.Down+v.Disabled)},
			{text: fmt.Sprintf("%d (%d)", v.Alive, v.Quorum)},
			{text: strconv.FormatUint(v.Active, 10)},
			{text: v.Scheduler + " " + v.Method},
			{text: strings.Join(notes, ", ")},
		})
	}
	table(a.out, a.paint, []string{"SERVICE", "STATE", "FOR", "UP", "WEIGHT (QUORUM)", "OPEN", "SCHEDULER", ""}, rows)
}

// priority shows the effective priority, and the configured one where it differs.
func priority(in *api.InstanceStatus) string {
	if in.Priority == in.BasePriority || in.BasePriority == 0 {
		return strconv.Itoa(int(in.Priority))
	}
	return fmt.Sprintf("%d (of %d)", in.Priority, in.BasePriority)
}

// addressesShown is how many addresses of an instance a table names.
const addressesShown = 3

// addresses names the first addresses of an instance, and what is wrong with them.
func addresses(in *api.InstanceStatus) string {
	var out []string
	for i, ad := range in.Addresses {
		if i == addressesShown {
			out = append(out, fmt.Sprintf("and %d more", len(in.Addresses)-i))
			break
		}
		text := ad.Address
		switch {
		case ad.Lost:
			text += " (lost)"
		case ad.Owned != (in.State == event.Master):
			text += map[bool]string{true: " (still here)", false: " (not here)"}[ad.Owned]
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// ago is how long something has been so.
func ago(s *api.Status, wall int64) string {
	if wall == 0 || wall > s.Wall {
		return ""
	}
	return explain.Duration(time.Duration(s.Wall - wall))
}
