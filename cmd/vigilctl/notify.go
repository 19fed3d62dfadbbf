// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/collector/api"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
)

// trialTimeout is longer than vigild itself waits for a test.
const trialTimeout = 60 * time.Second

// errTrial is a test that did not deliver; what went wrong is printed.
var errTrial = errors.New("not everything was delivered")

func (a *app) notifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "notify",
		Short: "Test channels that tell people, and show what was delivered",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.notifyLogCommand(), a.notifyTestCommand())
	return c
}

func (a *app) notifyTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test [CHANNEL]",
		Short: "Send a test, and say what came of it",
		Long: "Send a test through the channel smtp, webhook, webhook:NAME or fifo:KEYWORD, or\n" +
			"through mail and all webhooks, and wait for what comes of it. Only root may.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), trialTimeout)
			defer cancel()
			channel := ""
			if len(args) > 0 {
				channel = args[0]
			}
			out, err := a.client().Test(ctx, channel)
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(out)
			} else {
				a.printTrials(out)
			}
			for i := range out {
				if out[i].Reason != event.ReasonNone && err == nil {
					err = errTrial
				}
			}
			return err
		},
	}
}

func (a *app) printTrials(all []api.Trial) {
	for i := range all {
		t := &all[i]
		if t.Reason == event.ReasonNone {
			fmt.Fprintf(a.out, "%s  delivered in %s  %s\n", clean(t.Channel), explain.Duration(t.Took), clean(t.Detail))
			continue
		}
		says := fmt.Sprintf("%s  failed (%s)  %s", clean(t.Channel), t.Reason, clean(t.Detail))
		if a.paint.Bad != nil {
			says = a.paint.Bad(says)
		}
		fmt.Fprintln(a.out, says)
	}
}

// deliveryWish is what the flags of notify log ask for.
type deliveryWish struct {
	channel string
	failed  bool
	limit   int
}

func (a *app) notifyLogCommand() *cobra.Command {
	var want deliveryWish
	c := &cobra.Command{
		Use:   "log",
		Short: "Show what was told to whom, when, and in how many tries",
		Long: "Show the newest deliveries, one a line: when the last attempt ended, the channel,\n" +
			"what came of it in how many tries, what was told, and to whom or what went wrong.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
			defer cancel()
			q := url.Values{}
			if want.channel != "" {
				q.Set("channel", want.channel)
			}
			if want.failed {
				q.Set("failed", "1")
			}
			if want.limit != 0 {
				q.Set("limit", strconv.Itoa(want.limit))
			}
			out, err := a.client().Deliveries(ctx, q)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(out)
			}
			for i := range out {
				a.printDelivery(&out[i])
			}
			return nil
		},
	}
	c.Flags().StringVar(&want.channel, "channel", "", "only this channel, or channels of this kind: script, fifo, smtp, webhook, snmp_trap")
	c.Flags().BoolVar(&want.failed, "failed", false, "only what was not delivered")
	c.Flags().IntVarP(&want.limit, "limit", "n", 0, "show at most so many (default 100)")
	return c
}

// printDelivery prints one delivery on one line.
func (a *app) printDelivery(d *api.Delivery) {
	result := "delivered"
	if !d.Delivered {
		result = "failed (" + d.Reason.String() + ")"
	}
	if d.Tries > 1 {
		result += fmt.Sprintf(" in %d tries", d.Tries)
	}
	if d.Delivered {
		result += " after " + explain.Duration(max(d.Took, time.Duration(d.Last-d.First)))
	}
	if a.paint.Bad != nil && !d.Delivered {
		result = a.paint.Bad(result)
	}
	parts := []string{fmt.Sprintf("%s  %-18s  %s", explain.Time(d.Last), clean(d.Channel), result)}
	for _, more := range []string{d.About, d.Detail} {
		if more != "" {
			parts = append(parts, clean(more))
		}
	}
	fmt.Fprintln(a.out, strings.Join(parts, "  |  "))
}
