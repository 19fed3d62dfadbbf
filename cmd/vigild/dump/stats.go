// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"fmt"
	"strings"

	"github.com/vigild/vigild/engine/event"
)

// stats are keepalived's counters of an instance, under the keys of its JSON.
type stats struct {
	AdvertRcvd        uint64 `json:"advert_rcvd"`
	AdvertSent        uint64 `json:"advert_sent"`
	BecomeMaster      uint64 `json:"become_master"`
	ReleaseMaster     uint64 `json:"release_master"`
	PacketLenErr      uint64 `json:"packet_len_err"`
	AdvertIntervalErr uint64 `json:"advert_interval_err"`
	IPTTLErr          uint64 `json:"ip_ttl_err"`
	InvalidTypeRcvd   uint64 `json:"invalid_type_rcvd"`
	AddrListErr       uint64 `json:"addr_list_err"`
	InvalidAuthtype   uint64 `json:"invalid_authtype"`
	AuthtypeMismatch  uint64 `json:"authtype_mismatch"`
	AuthFailure       uint64 `json:"auth_failure"`
	PriZeroRcvd       uint64 `json:"pri_zero_rcvd"`
	PriZeroSent       uint64 `json:"pri_zero_sent"`
}

// statsOf counts from zero on.
func statsOf(t *event.Tally, zero event.Tally) stats {
	reject := func(r event.Reason) uint64 {
		i, _ := r.RejectIndex()
		return since(t.Rejects[i], zero.Rejects[i])
	}
	return stats{
		AdvertRcvd: since(t.Received, zero.Received), AdvertSent: since(t.Sent, zero.Sent),
		BecomeMaster: since(t.Promotions, zero.Promotions), ReleaseMaster: since(t.Demotions, zero.Demotions),
		PacketLenErr: reject(event.RejectPacketLength), AdvertIntervalErr: reject(event.RejectAdvertInterval),
		IPTTLErr: reject(event.RejectTTL), InvalidTypeRcvd: reject(event.RejectPacketType), AddrListErr: reject(event.RejectAddressList),
		InvalidAuthtype: reject(event.RejectAuthInvalidType), AuthtypeMismatch: reject(event.RejectAuthTypeMismatch),
		AuthFailure: reject(event.RejectAuthFailure),
		PriZeroRcvd: since(t.ZeroReceived, zero.ZeroReceived), PriZeroSent: since(t.ZeroSent, zero.ZeroSent),
	}
}

// since is how far a counter has come; one that began anew has come all the way.
func since(now, then uint64) uint64 {
	if now < then {
		return now
	}
	return now - then
}

// Stats is keepalived.stats.
func Stats(s *Source) []byte {
	var b strings.Builder
	for _, in := range s.instances() {
		t := &in.stats
		fmt.Fprintf(&b, "VRRP Instance: %s\n  Advertisements:\n    Received: %d\n    Sent: %d\n", in.set.Name, t.AdvertRcvd, t.AdvertSent)
		fmt.Fprintf(&b, "  Became master: %d\n  Released master: %d\n", t.BecomeMaster, t.ReleaseMaster)
		fmt.Fprintf(&b, "  Packet Errors:\n    Length: %d\n    TTL: %d\n    Invalid Type: %d\n", t.PacketLenErr, t.IPTTLErr, t.InvalidTypeRcvd)
		fmt.Fprintf(&b, "    Advertisement Interval: %d\n    Address List: %d\n", t.AdvertIntervalErr, t.AddrListErr)
		fmt.Fprintf(&b, "  Authentication Errors:\n    Invalid Type: %d\n    Type Mismatch: %d\n    Failure: %d\n", t.InvalidAuthtype, t.AuthtypeMismatch, t.AuthFailure)
		fmt.Fprintf(&b, "  Priority Zero:\n    Received: %d\n    Sent: %d\n", t.PriZeroRcvd, t.PriZeroSent)
	}
	return []byte(b.String())
}
