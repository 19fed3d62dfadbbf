// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/binary"
	"fmt"
	"time"
)

// The form in which Counters travel: a head, then records of fixed size, each
// behind a letter that says what it is; numbers are little-endian. Ten thousand
// servers are two megabytes, which JSON would make thirty times slower.
const (
	countersVersion = 1
	countersHead    = 1 + 4 + 8

	recordService = 'V'
	recordServer  = 'R'
	recordCheck   = 'C'
	recordFailure = 'F'
	recordPhase   = 'P'
	recordPool    = 'W'
)

// Append appends the Counters to dst as messages of at most limit bytes, and
// calls send with each as soon as it is full; what send is given is valid until
// it returns. It returns dst emptied, for the next time. limit is at least 4096.
func (c *Counters) Append(dst []byte, limit int, send func([]byte)) []byte {
	w := counterWriter{record: record{b: dst}, limit: limit, send: send, head: c}
	w.begin()
	if c.HasPool {
		w.open(recordPool)
		w.pool(&c.Pool)
		w.close()
	}
	for i := range c.Services {
		w.open(recordService)
		w.service(&c.Services[i])
		w.close()
	}
	for i := range c.Servers {
		w.open(recordServer)
		w.server(&c.Servers[i])
		w.close()
	}
	for i := range c.Checks {
		w.open(recordCheck)
		w.check(&c.Checks[i])
		w.close()
	}
	for i := range c.Failures {
		w.open(recordFailure)
		w.failure(&c.Failures[i])
		w.close()
	}
	for i := range c.Phases {
		w.open(recordPhase)
		w.phase(&c.Phases[i])
		w.close()
	}
	send(w.b)
	return w.b[:0]
}

// Add adds the records of one message; what was added before it found a fault
// stays, and what the fault was in is to be thrown away with the rest. All messages of one reading have the same Generation and At: a
// message of another reading is an error unless the Counters are empty.
func (c *Counters) Add(message []byte) error {
	if len(message) < countersHead || message[0] != countersVersion {
		return fmt.Errorf("counters: a message of %d bytes begins with no head of version %d", len(message), countersVersion)
	}
	generation, at := binary.LittleEndian.Uint32(message[1:]), Instant(binary.LittleEndian.Uint64(message[5:]))
	if c.At != 0 && (c.At != at || c.Generation != generation) {
		return fmt.Errorf("counters: a message of generation %d joins a reading of generation %d", generation, c.Generation)
	}
	c.Generation, c.At = generation, at
	r := record{b: message[countersHead:], reading: true}
	for len(r.b) > 0 && !r.bad {
		what := r.b[0]
		r.b = r.b[1:]
		c.add(what, &r)
	}
	if r.bad {
		return fmt.Errorf("counters: a message of %d bytes ends within a record, or has one of no known kind", len(message))
	}
	return nil
}

// add reads one record.
func (c *Counters) add(what byte, r *record) {
	switch what {
	case recordPool:
		r.pool(&c.Pool)
		c.HasPool = !r.bad
	case recordService:
		c.Services = append(c.Services, ServiceTally{})
		r.service(&c.Services[len(c.Services)-1])
	case recordServer:
		c.Servers = append(c.Servers, ServerTally{})
		r.server(&c.Servers[len(c.Servers)-1])
	case recordCheck:
		c.Checks = append(c.Checks, CheckTally{})
		r.check(&c.Checks[len(c.Checks)-1])
	case recordFailure:
		c.Failures = append(c.Failures, FailureTally{})
		r.failure(&c.Failures[len(c.Failures)-1])
	case recordPhase:
		c.Phases = append(c.Phases, PhaseTally{})
		r.phase(&c.Phases[len(c.Phases)-1])
	default:
		r.bad = true
	}
}

// counterWriter fills messages.
type counterWriter struct {
	record
	limit int
	send  func([]byte)
	head  *Counters
	mark  int // where the record begins that is written
}

func (w *counterWriter) begin() {
	w.b = append(w.b[:0], countersVersion)
	w.b = binary.LittleEndian.AppendUint32(w.b, w.head.Generation)
	w.b = binary.LittleEndian.AppendUint64(w.b, uint64(w.head.At))
}

func (w *counterWriter) open(what byte) {
	w.mark = len(w.b)
	w.b = append(w.b, what)
}

func (w *counterWriter) close() {
	if len(w.b) <= w.limit {
		return
	}
	w.send(w.b[:w.mark])
	// What was too much moves to the front, behind a head that is the same.
	n := copy(w.b[countersHead:], w.b[w.mark:])
	w.b = w.b[:countersHead+n]
}

// record writes or reads one record: one description of the fields serves both.
type record struct {
	b       []byte
	reading bool
	// bad says that there was too little to read.
	bad bool
}

func (r *record) u64(v *uint64) {
	if !r.reading {
		r.b = binary.LittleEndian.AppendUint64(r.b, *v)
		return
	}
	if len(r.b) < 8 {
		r.bad, r.b = true, nil
		return
	}
	*v = binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
}

func (r *record) u32(v *uint32) {
	if !r.reading {
		r.b = binary.LittleEndian.AppendUint32(r.b, *v)
		return
	}
	if len(r.b) < 4 {
		r.bad, r.b = true, nil
		return
	}
	*v = binary.LittleEndian.Uint32(r.b)
	r.b = r.b[4:]
}

func (r *record) u8(v *uint8) {
	if !r.reading {
		r.b = append(r.b, *v)
		return
	}
	if len(r.b) < 1 {
		r.bad, r.b = true, nil
		return
	}
	*v = r.b[0]
	r.b = r.b[1:]
}

func (r *record) i64(v *int64) {
	u := uint64(*v)
	r.u64(&u)
	*v = int64(u)
}

func (r *record) i32(v *int32) {
	u := uint32(*v)
	r.u32(&u)
	*v = int32(u)
}

func (r *record) instant(v *Instant) { r.i64((*int64)(v)) }

func (r *record) duration(v *time.Duration) { r.i64((*int64)(v)) }

// flags writes or reads three booleans as one byte.
func (r *record) flags(a, b, c *bool) {
	var u uint8
	for i, v := range [...]*bool{a, b, c} {
		if *v {
			u |= 1 << i
		}
	}
	r.u8(&u)
	*a, *b, *c = u&1 != 0, u&2 != 0, u&4 != 0
}

func (r *record) stats(s *IPVSStats) {
	for _, v := range [...]*uint64{
		&s.Conns, &s.InPackets, &s.OutPackets, &s.InBytes, &s.OutBytes,
		&s.ConnRate, &s.InPacketRate, &s.OutPacketRate, &s.InByteRate, &s.OutByteRate,
	} {
		r.u64(v)
	}
}

func (r *record) histogram(h *Histogram) {
	for i := range h.Buckets {
		r.u64(&h.Buckets[i])
	}
	r.duration(&h.Sum)
}

func (r *record) service(t *ServiceTally) {
	r.u32(&t.ID)
	r.u8((*uint8)(&t.State))
	r.flags(&t.Sorry, &t.Suspended, &t.Braked)
	r.i64(&t.Alive)
	r.u32(&t.Up)
	r.u32(&t.Down)
	r.u32(&t.Disabled)
	r.u64(&t.Gained)
	r.u64(&t.Lost)
	r.u64(&t.Held)
	r.instant(&t.Since)
	r.stats(&t.Stats)
}

func (r *record) server(t *ServerTally) {
	r.u32(&t.ID)
	r.u32(&t.Service)
	r.u8((*uint8)(&t.State))
	r.i32(&t.Weight)
	r.u64(&t.Changes)
	r.instant(&t.Since)
	r.u32(&t.Active)
	r.u32(&t.Inactive)
	r.u32(&t.Persistent)
	r.stats(&t.Stats)
	r.i32(&t.Wanted)
}

func (r *record) check(t *CheckTally) {
	r.u32(&t.ID)
	r.u32(&t.Server)
	r.u8((*uint8)(&t.Checker))
	var none bool
	r.flags(&t.Up, &t.Run, &none)
	r.u32(&t.Failing)
	r.u64(&t.Attempts)
	r.u64(&t.Failures)
	r.u64(&t.Retries)
	r.instant(&t.LastRun)
	r.duration(&t.LastTook)
	r.i64(&t.Expiry)
}

func (r *record) failure(t *FailureTally) {
	r.u32(&t.Service)
	r.u8((*uint8)(&t.Checker))
	r.u8((*uint8)(&t.Reason))
	r.u64(&t.Count)
}

func (r *record) phase(t *PhaseTally) {
	r.u32(&t.Service)
	r.u8((*uint8)(&t.Checker))
	r.u8((*uint8)(&t.Phase))
	r.histogram(&t.Histogram)
}

func (r *record) pool(t *PoolTally) {
	for i := range t.InFlight {
		r.u32(&t.InFlight[i])
		r.histogram(&t.Whole[i])
	}
	r.histogram(&t.Delay)
	for i := range t.Ops {
		r.u64(&t.Ops[i])
		r.u64(&t.Errors[i])
		r.u64(&t.Drift[i])
	}
	for _, v := range [...]*uint64{&t.Shared, &t.Stray, &t.Held, &t.Limited, &t.Judged} {
		r.u64(v)
	}
	for i := range t.Kept {
		r.u64(&t.Kept[i])
	}
	r.flags(&t.Available, &t.SyncMaster, &t.SyncBackup)
	for _, v := range [...]*uint32{&t.Services, &t.Dests, &t.OwnServices, &t.OwnDests, &t.Checks, &t.Servers, &t.Suspends} {
		r.u32(v)
	}
}
