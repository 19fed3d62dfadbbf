// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import "time"

// GapBounds are the upper bounds of the buckets of Tally.Gaps: the time
// between two adverts of the master divided by its advertisement interval.
func GapBounds() []float64 { return []float64{.5, .9, .99, 1.01, 1.1, 1.25, 1.5, 2, 2.5, 3} }

// LagBounds are the upper bounds in seconds of the buckets of RouterTally.Lag.
func LagBounds() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}
}

// GapBuckets and LagBuckets count the buckets, the one without bound included.
const (
	GapBuckets = 11
	LagBuckets = 14
)

// Tally is the counters of one instance since the worker started: absolute
// values, so losing one loses nothing.
type Tally struct {
	Subject Subject `json:"subject"`
	At      Instant `json:"at"`
	// Sent and Received count adverts; ZeroSent and ZeroReceived the ones of priority 0.
	Sent         uint64 `json:"sent"`
	Received     uint64 `json:"received"`
	ZeroSent     uint64 `json:"zero_sent"`
	ZeroReceived uint64 `json:"zero_received"`
	SendErrors   uint64 `json:"send_errors"`
	// Rejects counts refused adverts by RejectIndex.
	Rejects [RejectCount]uint64 `json:"rejects"`
	// Conflicts counts adverts of another master while master: lower, equal, higher priority.
	Conflicts [3]uint64 `json:"conflicts"`
	// Missed counts adverts that were due and not seen in time, NearMisses
	// master-down timers rescued in their last interval.
	Missed     uint64 `json:"missed"`
	NearMisses uint64 `json:"near_misses"`
	// GratuitousARPs, UnsolicitedNAs and AnnounceErrors count frames.
	GratuitousARPs uint64 `json:"garps"`
	UnsolicitedNAs uint64 `json:"nas"`
	AnnounceErrors uint64 `json:"announce_errors"`
	// Promotions and Demotions count how often it became MASTER, and ceased to be.
	Promotions uint64 `json:"promotions"`
	Demotions  uint64 `json:"demotions"`
	// Suspicions counts takeovers that were held because this process was late,
	// Averted the ones that an advert then made needless.
	Suspicions uint64 `json:"suspicions"`
	Averted    uint64 `json:"averted"`
	// TwoMasters counts adverts of a second master heard while BACKUP, Claims
	// announcements of strangers for an address of ours while MASTER.
	TwoMasters uint64 `json:"two_masters"`
	Claims     uint64 `json:"claims"`
	// Restored counts addresses that somebody else removed and we added again.
	Restored uint64 `json:"restored"`
	// InState is the time spent in INIT, BACKUP, MASTER and FAULT, up to At.
	InState [4]time.Duration `json:"in_state"`
	// Gaps is the histogram of GapBounds; GapSum the sum of the ratios.
	Gaps   [GapBuckets]uint64 `json:"gaps"`
	GapSum float64            `json:"gap_sum"`

	// The rest are present values, not counters.

	Priority       uint8         `json:"priority"`
	MasterPriority uint8         `json:"master_priority"`
	Master         string        `json:"master,omitempty"`
	MasterInterval time.Duration `json:"master_interval"`
	MasterDown     time.Duration `json:"master_down"`
	Margin         time.Duration `json:"margin"`
	LastAdvert     Instant       `json:"last_advert,omitempty"`
	// Lead is our priority less that of the other router heard last, 0 if none was.
	Lead       int16 `json:"lead,omitempty"`
	SplitBrain bool  `json:"split_brain,omitempty"`
	// Source is the address that adverts are sent from, MAC the hardware address
	// of the interface that they go through; empty while there is none.
	Source string `json:"source,omitempty"`
	MAC    string `json:"mac,omitempty"`
}

// RouterTally is the counters of a vrrp worker as a whole.
type RouterTally struct {
	At Instant `json:"at"`
	// Checksum, Version, VRID and Length count packets that fit no instance.
	Checksum uint64 `json:"checksum"`
	Version  uint64 `json:"version"`
	VRID     uint64 `json:"vrid"`
	Length   uint64 `json:"length"`
	// Lag is the histogram of LagBounds of timer due to timer run; LagSum its sum.
	Lag    [LagBuckets]uint64 `json:"lag"`
	LagSum time.Duration      `json:"lag_sum"`
	// LagMax is the worst so far.
	LagMax time.Duration `json:"lag_max"`
	// Stalls counts pauses longer than the shortest master-down interval.
	Stalls uint64 `json:"stalls"`
	// ClockSteps counts jumps of the wall clock.
	ClockSteps uint64 `json:"clock_steps"`
	// Dropped counts packets that the kernel dropped for want of buffer.
	Dropped uint64 `json:"dropped"`
	// EdgesLost counts events that found the outgoing ring full.
	EdgesLost uint64 `json:"edges_lost"`
	// RealTime and Locked say whether real-time priority and locked memory were granted.
	RealTime bool `json:"real_time"`
	Locked   bool `json:"locked"`
}

// BFDStrays are the reasons for which BFD packets are refused before they find
// their session.
func BFDStrays() [BFDStrayCount]string {
	return [BFDStrayCount]string{"length", "version", "auth", "malformed", "discriminator", "neighbor"}
}

// BFDStrayCount counts them.
const BFDStrayCount = 6

// BFDTally is the counters of one BFD session since its worker started. The one
// whose Subject is the worker has nothing but Strays.
type BFDTally struct {
	Subject Subject `json:"subject"`
	// Strays counts by BFDStrays.
	Strays [BFDStrayCount]uint64 `json:"strays,omitzero"`
	At     Instant               `json:"at"`
	// Sent, SendErrors and Received count control packets, Refused the ones of
	// the neighbour that were not used.
	Sent       uint64 `json:"sent"`
	SendErrors uint64 `json:"send_errors"`
	Received   uint64 `json:"received"`
	Refused    uint64 `json:"refused"`

	// The rest are present values, not counters.

	// Detection is how long the neighbour may be silent, 0 before it was heard;
	// TxInterval is the interval of our packets before jitter.
	Detection  time.Duration `json:"detection"`
	TxInterval time.Duration `json:"tx_interval"`
	LastPacket Instant       `json:"last_packet,omitempty"`
	// Local and Remote are the discriminators, 0 if they are unknown;
	// RemoteMultiplier, RemoteMinTx and RemoteMinRx are what the neighbour said
	// last. With them a new worker goes on with a session.
	Local            uint32        `json:"local_discriminator,omitempty"`
	Remote           uint32        `json:"remote_discriminator,omitempty"`
	RemoteMultiplier uint8         `json:"remote_multiplier,omitempty"`
	RemoteMinTx      time.Duration `json:"remote_min_tx,omitempty"`
	RemoteMinRx      time.Duration `json:"remote_min_rx,omitempty"`
}
