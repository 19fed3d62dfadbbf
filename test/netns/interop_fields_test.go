// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vigild/vigild/test/netns/lab"
)

// A field is one thing to compare of an advert, said in words that do not
// depend on which router sent it.
type field struct {
	name string
	of   func(x member, self, other *lab.Router, f *lab.Frame) string
}

// fields is the whole advert, from the Ethernet header to the last byte.
var fields = []field{
	{"source MAC", func(x member, self, _ *lab.Router, f *lab.Frame) string {
		switch f.Src.String() {
		case x.mac():
			return "virtual"
		case fmt.Sprintf("02:00:00:00:%02x:%02x", x.wire, self.Number):
			return "interface"
		}
		return f.Src.String()
	}},
	{"destination MAC", func(x member, _, other *lab.Router, f *lab.Frame) string {
		switch f.Dst.String() {
		case pick(x.family == 6, "33:33:00:00:00:12", "01:00:5e:00:00:12"):
			return "group"
		case fmt.Sprintf("02:00:00:00:%02x:%02x", x.wire, other.Number):
			return "peer"
		}
		return f.Dst.String()
	}},
	{"source", func(x member, self, _ *lab.Router, f *lab.Frame) string {
		switch a := f.Advert.Src; {
		case a == x.on(self):
			return "interface"
		case slices.Contains(x.addrs(), a):
			return "virtual address"
		case a.IsLinkLocalUnicast():
			return "link-local of the virtual MAC's interface"
		}
		return f.Advert.Src.String()
	}},
	{"destination", func(x member, _, other *lab.Router, f *lab.Frame) string {
		switch f.Advert.Dst {
		case netip.MustParseAddr(pick(x.family == 6, "ff02::12", "224.0.0.18")):
			return "group"
		case x.on(other):
			return "peer"
		}
		return f.Advert.Dst.String()
	}},
	{"TTL", func(_ member, _, _ *lab.Router, f *lab.Frame) string { return fmt.Sprint(f.Advert.TTL) }},
	{"traffic class", func(_ member, _, _ *lab.Router, f *lab.Frame) string { return fmt.Sprintf("%#x", f.Advert.TOS) }},
	{"don't fragment", func(_ member, _, _ *lab.Router, f *lab.Frame) string { return fmt.Sprint(f.Advert.DontFragment) }},
	{"flow label", func(x member, _, _ *lab.Router, f *lab.Frame) string {
		if x.family == 4 || f.Data[14+1]&15 == 0 && f.Data[14+2] == 0 && f.Data[14+3] == 0 {
			return "zero"
		}
		return "of the kernel"
	}},
	{"AH header", func(_ member, _, _ *lab.Router, f *lab.Frame) string {
		ah := f.Advert.AH
		if ah == nil {
			return "none"
		}
		spi := ah.SPI.String()
		if ah.SPI == f.Advert.Src {
			spi = "source"
		}
		return fmt.Sprintf("next %d length %d reserved %d SPI %s", ah.NextHeader, ah.Length, ah.Reserved, spi)
	}},
	{"AH digest", func(_ member, _, _ *lab.Router, f *lab.Frame) string {
		if f.Advert.AH == nil {
			return "none"
		}
		return pick(bytes.Equal(f.Advert.AH.ICV, digest(f, secret)), "right", "wrong")
	}},
	{"version", func(_ member, _, _ *lab.Router, f *lab.Frame) string { return fmt.Sprint(f.Advert.Version) }},
	{"type", func(_ member, _, _ *lab.Router, f *lab.Frame) string { return fmt.Sprint(f.Advert.Type) }},
	{"VRID", func(x member, _, _ *lab.Router, f *lab.Frame) string {
		return pick(int(f.Advert.VRID) == x.vrid, "as configured", fmt.Sprint(f.Advert.VRID))
	}},
	{"priority", func(_ member, _, _ *lab.Router, f *lab.Frame) string { return fmt.Sprint(f.Advert.Priority) }},
	{"count", func(_ member, _, _ *lab.Router, f *lab.Frame) string { return fmt.Sprint(f.Advert.Count) }},
	{"authentication type", func(_ member, _, _ *lab.Router, f *lab.Frame) string { return fmt.Sprint(f.Advert.AuthType) }},
	{"interval", func(_ member, _, _ *lab.Router, f *lab.Frame) string { return f.Advert.Interval.String() }},
	{"checksum", func(_ member, _, _ *lab.Router, f *lab.Frame) string {
		return pick(f.Advert.ChecksumOK, "right", "wrong")
	}},
	{"addresses", func(x member, _, _ *lab.Router, f *lab.Frame) string {
		return pick(slices.Equal(f.Advert.Addrs, x.addrs()), "as configured", fmt.Sprint(f.Advert.Addrs))
	}},
	{"authentication data", func(_ member, _, _ *lab.Router, f *lab.Frame) string {
		return fmt.Sprintf("%q", f.Advert.Auth)
	}},
	{"surplus bytes", func(_ member, _, _ *lab.Router, f *lab.Frame) string {
		return fmt.Sprint(f.Advert.Surplus + len(f.Advert.Trailer))
	}},
}

// A series is one thing to compare of all adverts of one reign of a sender.
type series struct {
	name string
	of   func(x member, before, f *lab.Frame) string
}

// sequences are what counts from advert to advert.
var sequences = []series{
	{"identification", func(x member, before, f *lab.Frame) string {
		if x.family == 6 {
			return "none"
		}
		switch f.Advert.ID - before.Advert.ID {
		case 1:
			return "counts"
		case 0:
			return "constant"
		}
		return "jumps"
	}},
	{"AH sequence", func(_ member, before, f *lab.Frame) string {
		if f.Advert.AH == nil || before.Advert.AH == nil {
			return "none"
		}
		return pick(f.Advert.AH.Sequence-before.Advert.AH.Sequence == 1, "counts", "jumps")
	}},
}

// resignations is a field of a whole stop, not of one advert.
const resignations = "adverts at a stop"

// fieldNames is all that is compared, in the order of the packet.
func fieldNames() (out []string) {
	for _, f := range fields {
		out = append(out, f.name)
	}
	for _, s := range sequences {
		out = append(out, s.name)
	}
	return append(out, resignations)
}

// traits is the different values that each field was seen with.
type traits map[string]map[string]int

func (t traits) note(name, value string) {
	if t[name] == nil {
		t[name] = map[string]int{}
	}
	t[name][value]++
}

// add takes the adverts of an instance that one router sent, in order.
func (t traits) add(x member, self, other *lab.Router, frames []advert) {
	zeros := 0
	for i := range frames {
		f := &frames[i].Frame
		for _, c := range fields {
			t.note(c.name, c.of(x, self, other, f))
		}
		if f.Advert.Priority == 0 {
			zeros++
		}
		last := i == len(frames)-1 || f.Advert.Priority == 0 && frames[i+1].Advert.Priority != 0
		if last && zeros > 0 {
			t.note(resignations, fmt.Sprint(zeros))
			zeros = 0
		}
		// Who becomes master again may count from the beginning.
		if i > 0 && frames[i-1].reign == frames[i].reign {
			for _, s := range sequences {
				t.note(s.name, s.of(x, &frames[i-1].Frame, f))
			}
		}
	}
}

// merge adds what was seen in another role.
func (t traits) merge(other traits) {
	for name, values := range other {
		for v := range values {
			t.note(name, v)
		}
	}
}

// values is what was seen of a field, sorted.
func (t traits) values(name string) string {
	var out []string
	for v := range t[name] {
		out = append(out, v)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// A difference is one field that the two programs fill in otherwise.
type difference struct{ name, ours, theirs string }

func (d difference) String() string {
	return fmt.Sprintf("%s: vigild %s, peer %s", d.name, d.ours, d.theirs)
}

// unlike compares what two programs said of the same thing.
func unlike(ours, theirs traits) (out []difference) {
	for _, name := range fieldNames() {
		if a, b := ours.values(name), theirs.values(name); a != b {
			out = append(out, difference{name, a, b})
		}
	}
	return out
}

// A licence is why a difference is right, for the cells it is expected of.
type licence struct {
	peer   rival
	field  string
	reason string
	of     func(c *cell) bool
}

// licences is every difference there may be; one that is not seen where it is
// expected is an error as much as one that is not here.
var licences = []licence{
	{keepalived, "flow label", "RFC 6437 leaves it to the sender; ours is zero, keepalived's is what the kernel likes", func(c *cell) bool { return c.family == 6 }},
	{frr, "source MAC", "RFC 9568 section 7.3 wants the virtual one, which FRR always has; vigild, as keepalived, when use_vmac is set", func(c *cell) bool { return !c.vmac }},
	{frr, "source", "both are the router's own link-local addresses: FRR's is that of its virtual interface, ours that of the one below", func(c *cell) bool { return c.family == 6 }},
	{frr, "don't fragment", "no RFC asks for it; ours is as keepalived's", func(c *cell) bool { return c.family == 4 }},
	{frr, "identification", "RFC 6864 leaves it to the sender; ours counts, as keepalived's, FRR's is the kernel's", func(c *cell) bool { return c.family == 4 }},
	{frr, "flow label", "RFC 6437 leaves it to the sender; ours is zero, FRR's is what the kernel likes", func(c *cell) bool { return c.family == 6 }},
}
