// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigild/vigild/engine/explain"
)

func (a *app) whyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "why [INSTANCE|SERVICE [SERVER]|ID...]",
		Short: "Explain the last change of an instance or server, with its evidence and a timeline",
		Long: "Explain the last change of each VRRP INSTANCE, virtual SERVICE, or real SERVER of\n" +
			"the service before it: what happened and when, the cause, the evidence for it, what\n" +
			"was done and how long it took. Without a name all instances are explained, the\n" +
			"newest transition first. An ID, as mails, traps, traces, webhooks and log lines\n" +
			"carry it, stands for that change, however many came after it.",
		Example: "  vigilctl why VI_1\n" +
			"  vigilctl why tcp/192.0.2.1:443 198.51.100.2:443\n" +
			"  vigilctl why c0a2423ab1365def6635f2c06f5f431d",
		ValidArgsFunction: a.completeInstances,
		RunE: func(c *cobra.Command, names []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), askTimeout)
			defer cancel()
			answers, err := a.explain(ctx, names)
			if err != nil {
				return err
			}
			if a.json {
				if len(names) > 0 && len(answers) == 1 {
					return a.printJSON(answers[0])
				}
				return a.printJSON(answers)
			}
			for i := range answers {
				if i > 0 {
					fmt.Fprintln(a.out)
				}
				cleanAnswer(&answers[i])
				fmt.Fprint(a.out, answers[i].Text(a.paint.Paint))
			}
			if len(answers) == 0 {
				fmt.Fprintln(a.out, "No VRRP instance is configured.")
			}
			return nil
		},
	}
}

func (a *app) explain(ctx context.Context, names []string) ([]explain.Answer, error) {
	if len(names) == 0 {
		return a.client().WhyAll(ctx)
	}
	return a.client().WhyNames(ctx, names)
}

// cleanAnswer takes what could command a terminal out of the texts, before
// colours are put in.
func cleanAnswer(a *explain.Answer) {
	a.What, a.Cause, a.ID = clean(a.What), clean(a.Cause), clean(a.ID)
	for _, list := range [][]string{a.Doubts, a.LookAt} {
		for i := range list {
			list[i] = clean(list[i])
		}
	}
	for i := range a.Evidence {
		a.Evidence[i].About, a.Evidence[i].Says = clean(a.Evidence[i].About), clean(a.Evidence[i].Says)
	}
	for i := range a.Done {
		a.Done[i].Says = clean(a.Done[i].Says)
	}
	for i := range a.Timeline {
		a.Timeline[i].Says = clean(a.Timeline[i].Says)
	}
}

// completeInstances gives a shell the names of the instances.
func (a *app) completeInstances(c *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), time.Second)
	defer cancel()
	s, err := a.client().Status(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	taken := map[string]bool{}
	for _, name := range given {
		taken[name] = true
	}
	var out []string
	for _, in := range s.Instances {
		if !taken[in.Name] {
			out = append(out, cobra.CompletionWithDesc(in.Name, in.State.String()))
		}
	}
	for i := range s.Services {
		if v := &s.Services[i]; !taken[v.Name] {
			out = append(out, cobra.CompletionWithDesc(v.Name, v.State.String()))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
