// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
)

// reading makes Counters whose every field has a number of its own, so that one
// that travels wrongly is found.
func reading(n int) *Counters {
	r := rand.New(rand.NewPCG(uint64(n), 5))
	c := &Counters{Generation: 3, At: 77, HasPool: true}
	for range n {
		c.Services = append(c.Services, ServiceTally{})
		c.Servers = append(c.Servers, ServerTally{}, ServerTally{})
		c.Checks = append(c.Checks, CheckTally{}, CheckTally{}, CheckTally{})
		c.Failures = append(c.Failures, FailureTally{})
		c.Phases = append(c.Phases, PhaseTally{})
	}
	fill(reflect.ValueOf(&c.Pool).Elem(), r)
	for _, list := range []any{c.Services, c.Servers, c.Checks, c.Failures, c.Phases} {
		v := reflect.ValueOf(list)
		for i := range v.Len() {
			fill(v.Index(i), r)
		}
	}
	return c
}

func fill(v reflect.Value, r *rand.Rand) {
	switch v.Kind() { //nolint:exhaustive // the counters have no others
	case reflect.Struct:
		for _, f := range v.Fields() {
			fill(f, r)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), r)
		}
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(int32(r.Uint32())))
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits()))
	default:
		panic("a counter is a " + v.Kind().String())
	}
}

// TestCountersTravel sends readings of several sizes through small messages.
func TestCountersTravel(t *testing.T) {
	for _, n := range []int{0, 1, 7, 300} {
		want, got := reading(n), &Counters{}
		messages := 0
		buffer := want.Append(nil, 8192, func(b []byte) {
			messages++
			if len(b) > 8192 {
				t.Errorf("a message of %d bytes", len(b))
			}
			if err := got.Add(b); err != nil {
				t.Error(err)
			}
		})
		if n == 300 && messages < 10 {
			t.Errorf("%d messages", messages)
		}
		if !reflect.DeepEqual(norm(want), norm(got)) {
			t.Errorf("%d: what arrives is not what was sent", n)
		}
		if len(buffer) != 0 || cap(buffer) == 0 {
			t.Errorf("the buffer comes back with %d of %d bytes", len(buffer), cap(buffer))
		}
		got.Reset()
		if !reflect.DeepEqual(norm(got), norm(&Counters{Pool: got.Pool})) {
			t.Error("after Reset something is left")
		}
	}
}

// norm makes empty and missing lists the same.
func norm(c *Counters) Counters {
	out := *c
	out.Services = append([]ServiceTally{}, c.Services...)
	out.Servers = append([]ServerTally{}, c.Servers...)
	out.Checks = append([]CheckTally{}, c.Checks...)
	out.Failures = append([]FailureTally{}, c.Failures...)
	out.Phases = append([]PhaseTally{}, c.Phases...)
	return out
}

func TestCountersOfTwoReadings(t *testing.T) {
	a, b := reading(1), reading(1)
	b.Generation++
	var c Counters
	add := func(from *Counters) (err error) {
		from.Append(nil, 1<<16, func(m []byte) { err = c.Add(m) })
		return err
	}
	if err := add(a); err != nil {
		t.Fatal(err)
	}
	if err := add(b); err == nil {
		t.Error("two readings became one")
	}
	c.Reset()
	if err := add(b); err != nil {
		t.Error(err)
	}
}

// FuzzCounters feeds any bytes: what is read is written the same again, and
// what is not is refused.
func FuzzCounters(f *testing.F) {
	for _, n := range []int{0, 1, 2} {
		reading(n).Append(nil, 1<<16, func(b []byte) {
			f.Add(bytes.Clone(b))
			f.Add(bytes.Clone(b[:len(b)-1]))
		})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c, again Counters
		if c.Add(b) != nil {
			return
		}
		c.Append(nil, 1<<20, func(m []byte) {
			if err := again.Add(m); err != nil {
				t.Fatal(err)
			}
		})
		if !reflect.DeepEqual(norm(&c), norm(&again)) {
			t.Error("what was read is not written the same again")
		}
	})
}

func BenchmarkCounters(b *testing.B) {
	c := &Counters{At: 1}
	for range 10000 {
		c.Servers = append(c.Servers, ServerTally{})
		c.Checks = append(c.Checks, CheckTally{})
	}
	var got Counters
	var buffer []byte
	b.ReportAllocs()
	for range b.N {
		got.Reset()
		buffer = c.Append(buffer, 60<<10, func(m []byte) {
			if err := got.Add(m); err != nil {
				b.Fatal(err)
			}
		})
	}
	if len(got.Servers) != 10000 {
		b.Fatal(len(got.Servers))
	}
}
