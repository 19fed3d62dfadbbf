// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vigild/vigild/engine/bfd"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/sys/udp"
)

// door is a port of a family that is listened on.
type door struct {
	family uint8
	port   uint16
}

// ear is a socket that receives. seen is when it was last known to be empty.
type ear struct {
	receiver *udp.Receiver
	seen     event.Instant
}

// mouth is the socket that one session sends from; closed after an error and
// opened again at the next packet, because interfaces come and go.
type mouth struct {
	sender *udp.Sender
	from   uint16
}

// ways are the sockets of all sessions.
type ways struct {
	poller *raw.Poller
	denied func(what string, err error)
	ears   map[door]*ear
	wanted map[door]bool
	mouths map[int]*mouth
	// names are the interfaces of link-local neighbours, by index.
	names map[int]string
	// told are the refusals that were told already.
	told map[string]bool
	// again is when what could not be opened is tried again, 0 for never.
	again event.Instant
}

func newWays(p *raw.Poller, denied func(string, error)) ways {
	return ways{
		poller: p, denied: denied, ears: map[door]*ear{}, wanted: map[door]bool{}, mouths: map[int]*mouth{},
		names: map[int]string{}, told: map[string]bool{},
	}
}

// listen opens the ports that the sessions need and closes the others.
func (w *ways) listen(sessions []bfd.Settings, now event.Instant) {
	clear(w.wanted)
	clear(w.names)
	clear(w.told)
	for i := range sessions {
		w.wanted[door{familyOf(&sessions[i]), portOf(sessions[i].Multihop)}] = true
	}
	for d, e := range w.ears {
		if !w.wanted[d] {
			w.forget(d, e)
		}
	}
	w.tryEars(now)
}

func (w *ways) forget(d door, e *ear) {
	delete(w.ears, d)
	if err := errors.Join(w.poller.Remove(e.receiver.FD()), e.receiver.Close()); err != nil {
		w.tell("close", err)
	}
}

// tryEars opens what is not open.
func (w *ways) tryEars(now event.Instant) {
	w.again = 0
	for d := range w.wanted {
		if w.ears[d] != nil {
			continue
		}
		r, err := udp.Receive(d.family, d.port)
		if err == nil {
			if err = w.poller.Add(r.FD(), int32(d.port)); err != nil {
				err = errors.Join(err, r.Close())
			}
		}
		if err != nil {
			w.again = now.Add(retry)
			w.tell("BFD packets", err)
			continue
		}
		w.ears[d] = &ear{receiver: r, seen: now}
	}
}

// open brings the sockets up to what the table has.
func (w *ways) open(sessions []bfd.View, now event.Instant) {
	w.tryEars(now)
	have := map[int]bool{}
	for i := range sessions {
		have[sessions[i].ID] = true
	}
	for id, m := range w.mouths {
		if !have[id] {
			w.shut(m)
			delete(w.mouths, id)
		}
	}
}

// tell tells a refusal once per configuration.
func (w *ways) tell(what string, err error) {
	if key := what + err.Error(); !w.told[key] && len(w.told) < 64 {
		w.told[key] = true
		w.denied(what, err)
	}
}

func (w *ways) shut(m *mouth) {
	if m.sender == nil {
		return
	}
	if err := m.sender.Close(); err != nil {
		w.tell("close", err)
	}
	m.sender = nil
}

// send sends a packet of a session.
func (w *ways) send(t *bfd.Table, s *bfd.Send) error {
	m := w.mouths[s.ID]
	if m == nil {
		m = &mouth{from: sourcePort(s)}
		w.mouths[s.ID] = m
	}
	if m.sender == nil {
		set := t.Settings(s.ID)
		if set == nil {
			return fmt.Errorf("session %d: it is gone", s.ID)
		}
		index, err := zone(set.Neighbor)
		if err == nil {
			m.sender, err = udp.Send(udp.Way{
				Local: set.Local, Remote: set.Neighbor.WithZone(""), Port: portOf(set.Multihop), IfIndex: index, TTL: set.TTL, From: m.from,
			})
		}
		if err != nil {
			w.tell(wayName(set), err)
			return err
		}
	}
	if err := m.sender.Send(s.Payload[:]); err != nil {
		w.shut(m)
		return err
	}
	return nil
}

// sourcePort is where a session's packets come from, the same for all of them
// (RFC 5881 section 4): it follows from the discriminator, so that a worker that
// goes on with a session keeps that as well.
func sourcePort(s *bfd.Send) uint16 {
	discriminator := binary.BigEndian.Uint32(s.Payload[4:])
	return uint16(udp.FirstPort + discriminator%(udp.LastPort-udp.FirstPort+1))
}

// zone is the index of the interface that an address names, 0 if it names none.
func zone(a netip.Addr) (int, error) {
	if a.Zone() == "" {
		return 0, nil
	}
	i, err := net.InterfaceByName(a.Zone())
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", a.Zone(), err)
	}
	return i.Index, nil
}

// scoped is the source of a datagram, with its interface if it is link-local.
func (w *ways) scoped(d *udp.Datagram) netip.Addr {
	if !d.Source.Is6() || !d.Source.IsLinkLocalUnicast() {
		return d.Source
	}
	name, known := w.names[d.IfIndex]
	if !known {
		if i, err := net.InterfaceByIndex(d.IfIndex); err == nil {
			name = i.Name
		}
		w.names[d.IfIndex] = name
	}
	return d.Source.WithZone(name)
}

func (w *ways) close() error {
	var err error
	for _, e := range w.ears {
		err = errors.Join(err, e.receiver.Close())
	}
	for _, m := range w.mouths {
		if m.sender != nil {
			err = errors.Join(err, m.sender.Close())
		}
	}
	return err
}
