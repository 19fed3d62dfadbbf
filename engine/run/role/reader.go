// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// Reader is told every event in order, from one goroutine, and must not block.
type Reader interface {
	Events(v *ledger.View, es []event.Event)
}

// Holder is a Reader that can say whether it still works on events that it
// took. As long as one does, events are not acknowledged, and a successor of
// this process will be told them again.
type Holder interface {
	Holding() bool
}
