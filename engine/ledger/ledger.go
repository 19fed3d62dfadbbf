// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import "github.com/vigild/vigild/engine/event"

// Ledger is the fold. It is not safe for concurrent use: one goroutine owns
// it and hands out Views.
type Ledger struct{}

// New returns an empty ledger.
func New() *Ledger { return &Ledger{} }

// Apply folds one edge.
func (l *Ledger) Apply(e *event.Event) {}

// Tally folds the counters of an instance.
func (l *Ledger) Tally(epoch uint64, t *event.Tally) {}

// Router folds the counters of a vrrp worker.
func (l *Ledger) Router(epoch uint64, t *event.RouterTally) {}

// Rows replaces the description: rows of one configuration, all of them.
func (l *Ledger) Rows(rows []event.Row) {}

// View returns the present picture; unchanged parts are shared with earlier ones.
func (l *Ledger) View() *View { return &View{} }
