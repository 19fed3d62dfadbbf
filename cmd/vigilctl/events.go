// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/collector/api"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
)

// eventWish is what the flags of events ask for.
type eventWish struct {
	follow                bool
	since, instance, kind string
	limit                 int
}

func (a *app) eventsCommand() *cobra.Command {
	var want eventWish
	c := &cobra.Command{
		Use:   "events",
		Short: "Show what happened, and with --follow what happens",
		Long: "Show the newest events, one a line. With --json each line is a JSON document that\n" +
			"also holds the evidence.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if want.follow {
				return a.followEvents(c.Context(), &want)
			}
			ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
			defer cancel()
			out, err := a.client().Events(ctx, want.query())
			if err != nil {
				return err
			}
			for i := range out.Events {
				if err := a.printEvent(&out.Events[i]); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&want.follow, "follow", "f", false, "go on with what happens from now on")
	c.Flags().StringVar(&want.since, "since", "", "begin there: a duration before now (10m), or a time (2006-01-02T15:04:05Z)")
	c.Flags().IntVarP(&want.limit, "limit", "n", 0, "show at most so many (default 100)")
	c.Flags().StringVar(&want.instance, "instance", "", "only those of this instance")
	c.Flags().StringVar(&want.kind, "kind", "", "only those of this kind, such as vrrp.state")
	c.RegisterFlagCompletionFunc("instance", a.completeInstances)
	c.RegisterFlagCompletionFunc("kind", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var out []string
		for k := event.VRRPState; k <= event.IPVSApplied; k++ {
			out = append(out, k.String())
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

func (w *eventWish) query() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("since", w.since)
	set("instance", w.instance)
	set("kind", w.kind)
	if w.limit != 0 {
		q.Set("limit", strconv.Itoa(w.limit))
	}
	return q
}

// errGone is the end of a vigild that was followed.
var errGone = errors.New("vigild went away")

func (a *app) followEvents(ctx context.Context, want *eventWish) error {
	err := a.client().Follow(ctx, want.query(), a.printEvent)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &api.Unreachable{Socket: a.socket, Err: errGone, Remedy: "look at systemctl status vigild, and run this again"}
	}
	return err
}

// printEvent prints one event on one line.
func (a *app) printEvent(e *api.Entry) error {
	if a.json {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("write the event as JSON: %w", err)
		}
		_, err = fmt.Fprintf(a.out, "%s\n", line)
		return err
	}
	if e.Event == nil {
		_, err := fmt.Fprintf(a.out, "%-27s  %s\n", "...", clean(e.Says))
		return err
	}
	says := clean(e.Says)
	switch {
	case a.paint.Bad != nil && (e.Event.Failed() || e.Event.To == event.Fault):
		says = a.paint.Bad(says)
	case a.paint.Strong != nil && e.Event.Kind == event.VRRPState:
		says = a.paint.Strong(says)
	}
	_, err := fmt.Fprintf(a.out, "%s  %-19s  %s\n", explain.Time(e.Event.Wall), e.Event.Kind, says)
	return err
}
