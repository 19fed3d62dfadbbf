// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vigild/vigild/collector/api"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/run/parent"
)

// commandTrial has the parent test one of its own channels.
const commandTrial = "notify_test"

// trial tests channels: those of this role, or one of the parent's by name.
func (w *watcher) trial(ctx context.Context, channel string) ([]api.Trial, error) {
	kind, name, _ := strings.Cut(channel, ":")
	var all []notify.Trial
	if kind == "smtp" || kind == "" && w.mailer.Enabled() {
		all = append(all, w.mailer.Test(ctx))
	}
	if kind == "webhook" || kind == "" {
		all = append(all, w.hooks.Test(ctx, name)...)
	}
	if kind == "fifo" {
		body, _, err := w.role.Call(ctx, commandTrial, name)
		if err != nil {
			return nil, err
		}
		var one notify.Trial
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, fmt.Errorf("answer of the parent: %w", err)
		}
		all = append(all, one)
	}
	switch {
	case len(all) > 0:
	case kind == "script":
		return nil, fmt.Errorf("a script is not tested by running it: it acts")
	case channel == "":
		return nil, fmt.Errorf("there is neither mail nor a webhook")
	default:
		return nil, fmt.Errorf("there is no channel %q", channel)
	}
	out := make([]api.Trial, len(all))
	for i, t := range all {
		out[i] = api.Trial(t)
	}
	return out, nil
}

// trial tests a FIFO for the observe role.
func (d *director) trial(ctx context.Context, body json.RawMessage) parent.Answer {
	var keyword string
	if err := json.Unmarshal(body, &keyword); err != nil {
		return parent.Answer{Err: fmt.Errorf("name of a FIFO: %w", err)}
	}
	t, found := d.exits.fifos.Test(ctx, keyword)
	if !found {
		return parent.Answer{Err: fmt.Errorf("there is no %q", keyword)}
	}
	text, err := json.Marshal(t)
	return parent.Answer{Body: text, Err: err}
}
