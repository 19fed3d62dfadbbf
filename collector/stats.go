// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"time"

	"github.com/vigild/vigild/engine/ledger"
)

// Source is where the picture comes from.
type Source interface {
	// View returns the present picture at once.
	View() *ledger.View
	// Refresh asks the worker for its counters and returns the picture with
	// them, or the present one if they do not come in time.
	Refresh(ctx context.Context) *ledger.View
}

// Build is what this vigild was built from.
type Build struct {
	Version, Revision, Branch, Tags string
}

// ChannelStats is the queue of one notifier.
type ChannelStats struct {
	// Channel is its kind: script, fifo, smtp, webhook or snmp_trap. Channels
	// of one kind are added up.
	Channel string
	// Queued counts events put into the queue since the start.
	Queued uint64
	// Overflowed and GaveUp count events that were never delivered: because the
	// queue was full, and because no attempt succeeded.
	Overflowed, GaveUp uint64
	// Waiting is how many events wait now, OldestWall when the oldest of them
	// happened in nanoseconds since the Unix epoch.
	Waiting    int
	OldestWall int64
}

// LogStats counts log records since the start.
type LogStats struct {
	Debug, Info, Warn, Error uint64
	// Dropped could not be written.
	Dropped uint64
}

// SNMPStats is the AgentX session.
type SNMPStats struct {
	Connected bool
	Connects  uint64
	// Requests and Errors count by operation: get, get_next, get_bulk, set.
	Requests, Errors map[string]uint64
	// Traps counts by the name of the notification.
	Traps map[string]uint64
}

// OTLPStats is the export of one signal.
type OTLPStats struct {
	// Signal is traces or logs.
	Signal                     string
	Exports, Failures, Dropped uint64
	Waiting                    int
}

// Options is what a Collector is given besides its source. A nil closure means
// that the exit is not configured, and its metrics are not emitted.
type Options struct {
	Build Build
	// Started is when vigild started counting.
	Started time.Time
	// Channels, Log, SNMP and OTLP return what other exits count. They must not
	// block.
	Channels func() []ChannelStats
	Log      func() LogStats
	SNMP     func() SNMPStats
	OTLP     func() []OTLPStats
	// Tier is how much is told of virtual and real servers.
	Tier Tier
	// Now reads the wall clock; nil means time.Now.
	Now func() time.Time
}
