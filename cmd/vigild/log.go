// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"log/slog"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/run/role"
)

type sink struct{ l *slog.Logger }

func (s sink) Events(_ *ledger.View, es []event.Event) {
	for i := range es {
		e := &es[i]
		s.l.Info(e.Kind.String(), "subject", e.Subject.String(), "from", e.From.String(), "to", e.To.String(), "reason", e.Reason.String(), "count", e.Count, "took", e.Took, "detail", e.Detail)
	}
}

func newLog(o *options, _ *loaded, w io.Writer) (*slog.Logger, role.Reader, error) {
	l := slog.New(slog.NewTextHandler(w, nil))
	return l, sink{l}, nil
}
