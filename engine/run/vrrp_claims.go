// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// claims listens for strangers that speak for addresses of which this host is
// master. It is evidence, and no part of the protocol: it may be late, and the
// loop never waits for it.
type claims struct {
	// version is the machine's list of addresses that is in force or on its way,
	// next when it is looked at again.
	version uint64
	next    event.Instant

	// The rest belongs to the hands.
	open    map[claimsAt]*raw.Claims
	failed  map[claimsAt]bool
	readers sync.WaitGroup
	over    chan struct{}
}

// claimsAt is one place to listen at.
type claimsAt struct {
	ifindex int
	family  uint8
}

// claimsPause is the least time between two changes of what is listened for, and
// between two claims of one place that are told: who floods us gets no more.
const claimsPause = 250 * time.Millisecond

func newClaims() *claims {
	return &claims{open: map[claimsAt]*raw.Claims{}, failed: map[claimsAt]bool{}, over: make(chan struct{})}
}

// follow lets the hands listen elsewhere if the machine's addresses have changed.
func (c *claims) follow(v *VRRP) {
	version := v.machine.StakeVersion()
	if version == c.version {
		return
	}
	now := v.clock.Last()
	if now < c.next {
		return // a master turns round for its adverts soon enough
	}
	c.version, c.next = version, now.Add(claimsPause)
	want := map[claimsAt][]netip.Addr{}
	for _, s := range v.machine.Stakes(nil) {
		at := claimsAt{s.IfIndex, 4}
		if s.Addr.Is6() {
			at.family = 6
		}
		want[at] = append(want[at], s.Addr)
	}
	v.hands.later(func() { c.adjust(v, want) })
}

// adjust opens and closes sockets.
func (c *claims) adjust(v *VRRP, want map[claimsAt][]netip.Addr) {
	for at, r := range c.open {
		if len(want[at]) == 0 {
			delete(c.open, at)
			if err := r.Close(); err != nil {
				v.own.denied("stop listening for claims", err)
			}
		}
	}
	for at, addrs := range want {
		r, err := c.open[at], error(nil)
		if r == nil {
			if r, err = raw.ListenClaims(at.ifindex, at.family); err == nil {
				c.open[at] = r
				c.readers.Go(func() { c.read(v, at, r) })
			}
		}
		if err == nil {
			err = r.Watch(addrs)
		}
		if err != nil && !c.failed[at] {
			v.own.denied(fmt.Sprintf("listen for claims on interface %d", at.ifindex), err)
		}
		c.failed[at] = err != nil
	}
}

// read tells the loop of every claim until the socket is closed.
func (c *claims) read(v *VRRP, at claimsAt, r *raw.Claims) {
	pause := time.NewTimer(claimsPause)
	defer pause.Stop()
	for {
		claim, err := r.Next()
		if err != nil {
			return
		}
		v.inbox.put(message{do: func() {
			now := v.clock.Now()
			v.step(now, &vrrp.Claim{IfIndex: at.ifindex, Addr: claim.Addr, MAC: claim.MAC, At: now})
		}})
		// What comes meanwhile finds a small buffer, and costs nobody any time.
		pause.Reset(claimsPause)
		select {
		case <-pause.C:
		case <-c.over:
			return
		}
	}
}

// close ends all; the hands have stopped.
func (c *claims) close() error {
	close(c.over)
	var err error
	for _, r := range c.open {
		err = errors.Join(err, r.Close())
	}
	c.readers.Wait()
	return err
}
