// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"strconv"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// flaw is what is wrong with the proof of an advert.
type flaw uint8

const (
	flawNone flaw = iota
	flawHeader
	flawSPI
	flawDigest
	flawReplay
	flawMissing
	flawTrailer
	flawStale
	flawKey
	flawSignature
	flawOld
)

// Verdict says whether the proof of an advert holds; the zero Verdict says that
// it does.
type Verdict struct {
	flaw flaw
	// want and got are numbers whose meaning depends on flaw.
	want, got uint64
}

// Reason is the reason to refuse the advert, ReasonNone if there is none.
func (v Verdict) Reason() event.Reason {
	switch v.flaw {
	case flawHeader, flawSPI, flawDigest, flawReplay:
		return event.RejectAuthFailure
	case flawMissing:
		return event.RejectAuthExtMissing
	case flawTrailer:
		return event.RejectAuthExtMalformed
	case flawStale:
		return event.RejectAuthExtStale
	case flawKey:
		return event.RejectAuthExtUnknownKey
	case flawSignature:
		return event.RejectAuthExtInvalidHMAC
	case flawOld:
		return event.RejectAuthExtReplay
	case flawNone:
	}
	return event.ReasonNone
}

func (v Verdict) reject() wire.Reject { return wire.Reject{Reason: v.Reason()} }

// Text says what was expected and what came, for people.
func (v Verdict) Text() (want, got string) {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	switch v.flaw {
	case flawHeader:
		return "an authentication header of 24 bytes for VRRP", "another"
	case flawSPI:
		return "the source address as SPI", "another SPI"
	case flawDigest:
		return "the digest of our password", "another digest"
	case flawReplay:
		return "a sequence number above " + number(v.want), number(v.got)
	case flawMissing:
		return "a signed advert", "one without signature"
	case flawTrailer:
		return "a trailer of scheme 1", "scheme " + number(v.got>>16) + ", reserved " + number(v.got&0xffff)
	case flawStale:
		return "a clock within " + number(v.want) + "s of ours", skewText(int64(v.got))
	case flawKey:
		return "a key that we have", "key " + number(v.got)
	case flawSignature:
		return "the signature of key " + number(v.got), "another"
	case flawOld:
		return "a sequence after " + stampText(v.want), stampText(v.got)
	case flawNone:
	}
	return "", ""
}

// skewText says how far the sender's clock is from ours, in seconds.
func skewText(behind int64) string {
	if behind < 0 {
		return "a clock " + strconv.FormatInt(-behind, 10) + "s ahead"
	}
	return "a clock " + strconv.FormatInt(behind, 10) + "s behind"
}

// stampText writes a sequence as seconds, fraction and counter.
func stampText(seq uint64) string {
	return strconv.FormatUint(seq>>32, 10) + "." + strconv.FormatUint(seq>>16&0xffff, 10) + "." + strconv.FormatUint(seq&0xffff, 10)
}
