// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/test/netns/lab"
)

// withAH is an instance with an authentication header; the password counts for
// eight bytes, shorter ones are filled up with zeros.
func withAH(password string, more ...string) instance {
	extra := append([]string{"authentication {", "auth_type AH", "auth_pass " + password, "}"}, more...)
	return instance{version: 2, interval: time.Second, extra: extra}
}

// digest is the integrity check value of an advert, computed here from what
// RFC 2402 says and from what keepalived was seen to leave out.
func digest(f *lab.Frame, password string) []byte {
	p := slices.Clone(f.Data[14:])
	p = p[:binary.BigEndian.Uint16(p[2:])]
	p[1] = 0
	clear(p[6:8])
	clear(p[10:12])
	if !f.Advert.Dst.IsMulticast() {
		p[8] = 0
	}
	clear(p[20+12 : 20+24])
	key := make([]byte, 8)
	copy(key, password)
	mac := hmac.New(md5.New, key)
	mac.Write(p)
	return mac.Sum(nil)[:12]
}

// TestAHTakeover: the whole life of a duel, between all pairs of programs, in
// both roles: power cut, return, resignation.
func TestAHTakeover(t *testing.T) {
	t.Parallel()
	each := func(t *testing.T, p pair, i instance) {
		d := newDuel(t, p, i)
		relay(t, d, p)
		last := map[string]uint32{}
		for _, f := range d.heard.Adverts(func(a *lab.Advert) bool { return true }) {
			a := f.Advert
			if a.AH == nil || a.AH.Length != 4 || a.AH.Reserved != 0 || a.AH.SPI != a.Src || !bytes.Equal(a.AH.ICV, digest(&f, "sesame")) {
				t.Errorf("not as it should be: %v %+v", &f, a.AH)
				continue
			}
			if n := a.AH.Sequence; n <= last[a.Src.String()] && n != 1 {
				t.Errorf("sequence %d of %v after %d", n, a.Src, last[a.Src.String()])
			}
			last[a.Src.String()] = a.AH.Sequence
		}
	}
	t.Run("multicast", func(t *testing.T) {
		t.Parallel()
		eachPair(t, func(t *testing.T, p pair) { each(t, p, withAH("sesame")) })
	})
	t.Run("unicast", func(t *testing.T) {
		t.Parallel()
		eachPair(t, func(t *testing.T, p pair) {
			each(t, p, withAH("sesame", "unicast_peer {", "10.0.0.1", "10.0.0.2", "}"))
		})
	})
}

// relay is takeover without a look at the clock: mastership goes from a to b, back,
// and to b again.
func relay(t *testing.T, d *duel, p pair) {
	t.Helper()
	d.m.Kill()
	d.s.Wait("VI_1", lab.Master, soon)
	owns(t, d.s, &d.lo)
	d.m = begin(d.a, p.master, d.hi.String())
	d.m.Wait("VI_1", lab.Master, starting)
	d.s.Wait("VI_1", lab.Backup, soon)
	owns(t, d.m, &d.hi)
	disowns(t, d.s, &d.lo)
	d.next(d.heard.Len(), "a's beat", d.hi.from(d.a))
	if status := d.m.Stop(); status != 0 {
		t.Errorf("%v ended with status %d", p.master, status)
	}
	d.s.Wait("VI_1", lab.Master, soon)
	owns(t, d.s, &d.lo)
	disowns(t, d.m, &d.hi)
}

// TestAHTwins runs both programs alone: the same bytes, identification, sequence
// and digest included, advert for advert.
func TestAHTwins(t *testing.T) {
	t.Parallel()
	for name, i := range map[string]instance{
		"multicast": withAH("secret77"),
		"unicast":   withAH("abc", "unicast_peer {", "10.0.0.99", "10.0.0.98", "}", "unicast_ttl 17"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i.priority = 100
			var lives [2][]string
			var heard [2]uint32 // the last sequence of each
			t.Run("run", func(t *testing.T) {
				for k, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
					t.Run(kind.String(), func(t *testing.T) {
						t.Parallel()
						c := live(t, kind, i)
						for _, f := range c.adverts {
							lives[k] = append(lives[k], hex.EncodeToString(f.Data[14:]))
							heard[k] = max(heard[k], f.Advert.AH.Sequence)
						}
						if len(c.zeros) == 0 || c.zeros[0].Advert.AH == nil || c.zeros[0].Advert.AH.Sequence <= heard[k] {
							t.Errorf("the resignation: %+v", c.zeros)
						}
						// A bridge may show a frame to a stranger twice.
						slices.Sort(lives[k])
						lives[k] = slices.Compact(lives[k])
					})
				}
			})
			copies := max(1, strings.Count(i.String(), "10.0.0.9"))
			n := int(min(heard[0], heard[1])) * copies
			if n < 2*copies || len(lives[0]) < n || len(lives[1]) < n || !slices.Equal(lives[0][:n], lives[1][:n]) {
				t.Errorf("vigild:\n%s\nkeepalived:\n%s", strings.Join(lives[1], "\n"), strings.Join(lives[0], "\n"))
			}
		})
	}
}

// refusals waits until vigild has counted an advert that it refused for a
// reason, or says how many it has now.
func refusals(t *testing.T, d *lab.Daemon, reason string) float64 {
	t.Helper()
	m, err := d.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	n, _ := m.Sum("vigil_vrrp_receive_errors_total", `reason="`+reason+`"`)
	return n
}

func refuses(t *testing.T, d *lab.Daemon, reason string) {
	t.Helper()
	lab.Until(t, soon, d.Router.Host+" counts "+reason, func() bool { return refusals(t, d, reason) > 0 })
}

// ignored starts a master and a backup that do not understand each other: the
// backup becomes master too, and vigild counts why it does not listen.
func ignored(t *testing.T, p pair, hi, lo instance, reason string) {
	t.Helper()
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	m := begin(a, p.master, hi.with(200).String())
	m.Wait("VI_1", lab.Master, starting)
	s := begin(b, p.backup, lo.with(100).String())
	s.Wait("VI_1", lab.Master, starting)
	for _, d := range []*lab.Daemon{m, s} {
		if d.Kind == lab.Vigild && reason != "" {
			refuses(t, d, reason)
		}
	}
	if m.State("VI_1") != lab.Master {
		t.Errorf("the master listened and is %s", m.State("VI_1"))
	}
}

// obeyed is its twin: the backup stays one, and nothing is refused.
func obeyed(t *testing.T, p pair, hi, lo instance) *duel {
	t.Helper()
	l := lab.New(t)
	d := &duel{t: t, w: l.Wire(), hi: hi.with(200), lo: lo.with(100)}
	d.a, d.b = l.Router("a", d.w), l.Router("b", d.w)
	d.heard = d.w.Capture()
	d.m = begin(d.a, p.master, d.hi.String())
	d.m.Wait("VI_1", lab.Master, starting)
	d.s = begin(d.b, p.backup, d.lo.String())
	d.s.Wait("VI_1", lab.Backup, starting)
	from := d.heard.Len()
	for range 5 {
		from = d.next(from, "the master's beat", d.hi.from(d.a)).Index + 1
	}
	if d.s.State("VI_1") != lab.Backup {
		t.Errorf("the backup is %s", d.s.State("VI_1"))
	}
	for _, x := range []*lab.Daemon{d.m, d.s} {
		if x.Kind != lab.Vigild {
			continue
		}
		if m, err := x.Metrics(); err != nil {
			t.Error(err)
		} else if n, ok := m.Sum("vigil_vrrp_receive_errors_total"); !ok || n != 0 {
			t.Errorf("%s refused %v adverts", x.Router.Host, n)
		}
	}
	return d
}

func TestAHPassword(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, p pair) {
		t.Run("wrong", func(t *testing.T) {
			t.Parallel()
			ignored(t, p, withAH("sesame"), withAH("sesama"), "auth_failure")
		})
		t.Run("right", func(t *testing.T) {
			t.Parallel()
			obeyed(t, p, withAH("sesame"), withAH("sesame"))
		})
		t.Run("none", func(t *testing.T) {
			t.Parallel()
			reason := "auth_type_mismatch"
			if p.master == lab.Vigild {
				reason = "" // who does not use AH opens no socket for it
			}
			ignored(t, p, instance{version: 2, interval: time.Second}, withAH("sesame"), reason)
		})
	})
}

// inject puts a frame onto the wire, as somebody would who recorded it.
func inject(t *testing.T, w *lab.Wire, frame []byte) {
	t.Helper()
	w.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		req, err := unix.NewIfreq("br0")
		if err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
			return err
		}
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: int(req.Uint32()), Halen: 6})
	})
}

// replayed records an advert of the master, waits until the master is silent,
// and sends the record again: it is counted and does not keep the backup from
// taking over when it should.
func replayed(t *testing.T, d *duel, reason string) {
	t.Helper()
	record := d.next(d.heard.Len(), "an advert to record", d.hi.from(d.a))
	last := d.next(record.Index+1, "a later one", d.hi.from(d.a))
	d.m.Kill()
	lab.Until(t, soon, "the wire is silent for a while", func() bool {
		all := d.heard.Adverts(d.hi.from(d.a))
		return time.Since(all[len(all)-1].At) > 1500*time.Millisecond
	})
	inject(t, d.w, record.Data)
	refuses(t, d.s, reason)
	first := d.next(last.Index, "b takes over", d.lo.from(d.b))
	// Had the replay been believed, it would have been 1.5 s more.
	if late := first.At.Sub(beforeInjection(t, d, first, record).At) - d.lo.down(); late > 500*time.Millisecond {
		t.Errorf("takeover %v late", late)
	}
	if n := refusals(t, d.s, reason); n != 1 {
		t.Errorf("%v refused, want 1", n)
	}
}

// beforeInjection is the last advert of a before f that is not the record again.
func beforeInjection(t *testing.T, d *duel, f, record *lab.Frame) *lab.Frame {
	t.Helper()
	all := d.heard.Frames()
	for i := f.Index - 1; i > record.Index; i-- {
		if a := all[i].Advert; a != nil && d.hi.from(d.a)(a) && !bytes.Equal(all[i].Data, record.Data) {
			return &all[i]
		}
	}
	t.Fatal("no advert of a")
	return nil
}

func TestAHReplay(t *testing.T) {
	t.Parallel()
	for _, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			replayed(t, obeyed(t, pair{kind, lab.Vigild}, withAH("sesame"), withAH("sesame")), "auth_failure")
		})
	}
}

// TestAHQuickRestart: a master that was gone for less than the master-down
// interval begins with sequence 1 again, is refused, and comes to terms with
// its peer by way of the sequence of that.
func TestAHQuickRestart(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, p pair) {
		d := obeyed(t, p, withAH("sesame"), withAH("sesame"))
		d.m.Kill()
		d.m = begin(d.a, p.master, d.hi.String())
		d.m.Wait("VI_1", lab.Master, starting)
		lab.Until(t, starting, "one master alone", func() bool {
			return d.m.State("VI_1") == lab.Master && d.s.State("VI_1") == lab.Backup
		})
		owns(t, d.m, &d.hi)
		disowns(t, d.s, &d.lo)
	})
}

// TestAHReload: a reload keeps the sequence, at the master and at the backup.
func TestAHReload(t *testing.T) {
	t.Parallel()
	d := obeyed(t, pair{lab.Vigild, lab.Vigild}, withAH("sesame"), withAH("sesame"))
	before := d.next(d.heard.Len(), "the master's beat", d.hi.from(d.a))
	changed := d.hi
	changed.extra = append(slices.Clone(changed.extra), "garp_master_refresh 60")
	d.m.Rewrite(changed.String())
	d.s.Rewrite(changed.with(100).String())
	mark := d.heard.Len()
	for range 5 {
		mark = d.next(mark, "the master's beat", d.hi.from(d.a)).Index + 1
	}
	frames := d.heard.Adverts(d.hi.from(d.a))
	for i := 1; i < len(frames); i++ {
		if a, b := frames[i-1].Advert.AH.Sequence, frames[i].Advert.AH.Sequence; b != a+1 {
			t.Errorf("sequence %d after %d", b, a)
		}
	}
	if n := refusals(t, d.s, "auth_failure"); n != 0 || d.s.State("VI_1") != lab.Backup || len(d.s.Changes()) > 2 {
		t.Errorf("the backup refused %v and went through %v (record %v)", n, d.s.Changes(), before)
	}
}

const (
	hexKey   = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	otherKey = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

// withHMAC signs the adverts of an instance.
func withHMAC(i instance, key string, more ...string) instance {
	i.extra = slices.Concat(i.extra, []string{"auth_hmac {", "key 1 hex:" + key, "active_key 1"}, more, []string{"}"})
	return i
}

// tag is the signature of an advert, computed here from the description of
// keepalived's format.
func tag(t *testing.T, f *lab.Frame, key string) []byte {
	t.Helper()
	a := f.Advert
	secret, err := hex.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	family, from := byte(4), 14+20
	if a.Src.Is6() {
		family, from = 6, 14+40
	}
	size := a.Src.BitLen() / 8
	n := 8 + int(a.Count)*size
	if a.Version == 2 && family == 4 {
		n += 8
	}
	source := make([]byte, 16)
	copy(source, a.Src.AsSlice())
	packet := slices.Clone(f.Data[from : from+n+12])
	clear(packet[6:8])
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte{family, a.Version, a.VRID, 0})
	mac.Write(source)
	mac.Write(packet)
	mac.Write(make([]byte, 16))
	return mac.Sum(nil)[:16]
}

// TestHMACTakeover: signed adverts over a whole duel; no peer in Debian signs,
// so it is vigild against vigild and against the arithmetic of this file.
func TestHMACTakeover(t *testing.T) {
	t.Parallel()
	p := pair{lab.Vigild, lab.Vigild}
	for name, i := range map[string]instance{
		"version 2":           {version: 2, interval: time.Second},
		"version 3":           {version: 3, interval: 200 * time.Millisecond},
		"version 3 over IPv6": {version: 3, family: 6, interval: 200 * time.Millisecond, addrs: 2},
		"unicast":             {version: 3, interval: 200 * time.Millisecond, extra: []string{"unicast_peer {", "10.0.0.1", "10.0.0.2", "}"}},
		"monotonic":           withHMAC(instance{version: 3, interval: 200 * time.Millisecond}, hexKey, "anti_replay monotonic"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != "monotonic" {
				i = withHMAC(i, hexKey, "mode enforce")
			}
			d := newDuel(t, p, i)
			relay(t, d, p)
			for _, f := range d.heard.Adverts(func(*lab.Advert) bool { return true }) {
				a := f.Advert
				if len(a.Trailer) != 28 || !a.ChecksumOK || a.Surplus != 0 {
					t.Fatalf("%v: trailer %x, checksum %v, surplus %d", &f, a.Trailer, a.ChecksumOK, a.Surplus)
				}
				if a.Trailer[0] != 1 || a.Trailer[1] != 1 || a.Trailer[2] != 0 || a.Trailer[3] != 0 || !bytes.Equal(a.Trailer[12:], tag(t, &f, hexKey)) {
					t.Errorf("%v: trailer %x, want the tag %x", &f, a.Trailer, tag(t, &f, hexKey))
				}
				if at := time.Unix(int64(binary.BigEndian.Uint32(a.Trailer[4:])), 0); f.At.Sub(at) < 0 || f.At.Sub(at) > 2*time.Second {
					t.Errorf("%v says it was sent at %v", &f, at)
				}
			}
		})
	}
}

func TestHMACRefusals(t *testing.T) {
	t.Parallel()
	plain := instance{version: 3, interval: 200 * time.Millisecond}
	ours := pair{lab.Vigild, lab.Vigild}
	theirs := pair{lab.Keepalived, lab.Vigild}
	good := withHMAC(plain, hexKey)
	t.Run("same key", func(t *testing.T) { t.Parallel(); obeyed(t, ours, good, good) })
	t.Run("another key", func(t *testing.T) {
		t.Parallel()
		ignored(t, ours, withHMAC(plain, otherKey), good, "auth_ext_invalid_hmac")
	})
	t.Run("key of another number", func(t *testing.T) {
		t.Parallel()
		two := plain
		two.extra = []string{"auth_hmac {", "key 2 hex:" + hexKey, "active_key 2", "}"}
		ignored(t, ours, two, good, "auth_ext_unknown_key")
	})
	t.Run("rotation", func(t *testing.T) {
		t.Parallel()
		old := withHMAC(plain, hexKey, "key 2 hex:"+otherKey)
		fresh := plain
		fresh.extra = []string{"auth_hmac {", "key 1 hex:" + hexKey, "key 2 hex:" + otherKey, "active_key 2", "}"}
		obeyed(t, ours, fresh, old)
	})
	t.Run("unsigned", func(t *testing.T) { t.Parallel(); ignored(t, theirs, plain, good, "auth_ext_missing") })
	t.Run("unsigned, permissive", func(t *testing.T) {
		t.Parallel()
		obeyed(t, theirs, plain, withHMAC(plain, hexKey, "mode permissive"))
	})
	t.Run("unsigned, receive-only", func(t *testing.T) {
		t.Parallel()
		obeyed(t, theirs, plain, withHMAC(plain, hexKey, "mode receive-only"))
	})
	t.Run("keepalived obeys receive-only", func(t *testing.T) {
		t.Parallel()
		obeyed(t, pair{lab.Vigild, lab.Keepalived}, withHMAC(plain, hexKey, "mode receive-only"), plain)
	})
	t.Run("replay", func(t *testing.T) {
		t.Parallel()
		slow := withHMAC(instance{version: 3, interval: time.Second}, hexKey)
		replayed(t, obeyed(t, ours, slow, slow), "auth_ext_replay")
	})
}

// TestHMACKeyFile: only the parent can read the file, and the role that needs
// the key gets it all the same.
func TestHMACKeyFile(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a := l.Router("a", w)
	heard := w.Capture()
	file := l.File("key", "hex:"+hexKey+"\n", 0o400)
	i := instance{version: 3, interval: 200 * time.Millisecond, priority: 100, extra: []string{"auth_hmac {", "key 1 file:" + file, "active_key 1", "}"}}
	m := begin(a, lab.Vigild, i.String())
	m.Wait("VI_1", lab.Master, starting)
	f := heard.Advert(0, soon, "a signed advert", func(a *lab.Advert) bool { return a.Trailer != nil })
	if !bytes.Equal(f.Advert.Trailer[12:], tag(t, f, hexKey)) {
		t.Errorf("trailer %x, want the tag %x", f.Advert.Trailer, tag(t, f, hexKey))
	}
}

// TestAHKilledRole: the successor of a killed vrrp role does not know how far
// that had counted, and its peer notices nothing all the same.
func TestAHKilledRole(t *testing.T) {
	t.Parallel()
	d := obeyed(t, pair{lab.Vigild, lab.Keepalived}, withAH("sesame"), withAH("sesame"))
	for n := range 2 {
		killRole(t, d.m, "vrrp")
		lab.Until(t, soon, "it resumed", func() bool {
			return strings.Count(d.m.Said(), `"from":"INIT","to":"MASTER","reason":"resumed"`) == n+1
		})
		// Longer than the peer would wait for an advert that it believes.
		from := d.heard.Len()
		for range 6 {
			from = d.next(from, "the master's beat", d.hi.from(d.a)).Index + 1
		}
	}
	for _, c := range d.s.Changes() {
		if c.Name == "VI_1" && c.State != lab.Backup {
			t.Errorf("the peer became %s", c.State)
		}
	}
}
