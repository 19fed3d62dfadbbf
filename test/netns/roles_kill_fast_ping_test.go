// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// pingEvery is the time between two echo requests.
const pingEvery = 10 * time.Millisecond

// pings is a host that asks an address for an echo all the time, and remembers
// which it got.
type pings struct {
	t          *testing.T
	conn       net.PacketConn
	stop, done chan struct{}

	mu       sync.Mutex
	sent     int
	answered map[uint16]bool
	last     time.Time // the last answer
	silent   time.Duration
}

// startPings begins, and returns when the first answer has come.
func startPings(t *testing.T, host *lab.Router, to netip.Addr) *pings {
	t.Helper()
	p := &pings{t: t, stop: make(chan struct{}), done: make(chan struct{}), answered: map[uint16]bool{}}
	host.Do(func() (err error) {
		p.conn, err = net.ListenPacket("ip4:icmp", "0.0.0.0")
		return err
	})
	go p.hear()
	go p.ask(&net.IPAddr{IP: to.AsSlice()})
	t.Cleanup(func() { p.conn.Close() })
	lab.Until(t, soon, "pings are answered", func() bool { return p.count() > 0 })
	return p
}

func (p *pings) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.answered)
}

// ask sends requests until the end.
func (p *pings) ask(to net.Addr) {
	defer close(p.done)
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for n := uint16(1); ; n++ {
		packet := []byte{8, 0, 0, 0, 0x76, 0x67, byte(n >> 8), byte(n)}
		binary.BigEndian.PutUint16(packet[2:], ^sumOf(packet))
		p.mu.Lock()
		p.sent++
		p.mu.Unlock()
		// What cannot be sent is not answered either.
		_, _ = p.conn.WriteTo(packet, to)
		select {
		case <-tick.C:
		case <-p.stop:
			return
		}
	}
}

// sumOf is the sum of RFC 1071 of an even number of bytes.
func sumOf(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// hear notes the answers until the socket is closed.
func (p *pings) hear() {
	buf := make([]byte, 1500)
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		now := time.Now()
		if n < 8 || buf[0] != 0 || buf[4] != 0x76 || buf[5] != 0x67 {
			continue
		}
		p.mu.Lock()
		p.answered[binary.BigEndian.Uint16(buf[6:])] = true
		if !p.last.IsZero() {
			p.silent = max(p.silent, now.Sub(p.last))
		}
		p.last = now
		p.mu.Unlock()
	}
}

// end stops asking, waits for what is on its way, and counts.
func (p *pings) end() (sent, lost int, silent time.Duration) {
	p.t.Helper()
	close(p.stop)
	<-p.done
	p.mu.Lock()
	sent = p.sent
	p.mu.Unlock()
	enough := time.Now().Add(time.Second)
	lab.Until(p.t, soon, "the last answers", func() bool { return p.count() == sent || time.Now().After(enough) })
	p.mu.Lock()
	defer p.mu.Unlock()
	return sent, sent - len(p.answered), p.silent
}
