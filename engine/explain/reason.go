// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import "github.com/vigild/vigild/engine/event"

// refusals say what is wrong with an advert, by the reason it was refused for.
var refusals = map[event.Reason]string{ //nolint:exhaustive // a test walks its range
	event.RejectTTL:                "its time to live shows that it came through a router",
	event.RejectPacketLength:       "its length fits no number of addresses",
	event.RejectPacketType:         "it is no VRRP advertisement",
	event.RejectVersion:            "it is of another VRRP version",
	event.RejectVRID:               "no instance here has its virtual router id",
	event.RejectChecksum:           "its checksum is wrong",
	event.RejectAddressList:        "it lists other addresses",
	event.RejectAdvertInterval:     "it has another advertisement interval",
	event.RejectAuthInvalidType:    "its authentication type does not exist",
	event.RejectAuthTypeMismatch:   "it is authenticated in another way",
	event.RejectAuthFailure:        "its password or digest is wrong",
	event.RejectAuthExtMissing:     "it is not signed",
	event.RejectAuthExtMalformed:   "its signature is malformed",
	event.RejectAuthExtUnknownKey:  "it is signed with a key that is unknown here",
	event.RejectAuthExtInvalidHMAC: "its signature is wrong",
	event.RejectAuthExtStale:       "it was signed too long ago",
	event.RejectAuthExtReplay:      "it is a copy of an earlier one",
	event.RejectUnknownPeer:        "its sender is no configured unicast peer",
	event.RejectDestination:        "it came by multicast to a unicast instance, or the reverse",
	event.RejectOwner:              "the owner of the addresses listens to nobody",
}

// failures say how a step failed.
var failures = map[event.Reason]string{ //nolint:exhaustive // a test walks its range
	event.FailKernel:      "the kernel refused",
	event.FailExit:        "it ended with a status that means no",
	event.FailSignal:      "it was ended by a signal",
	event.FailTimeout:     "it took longer than allowed",
	event.FailSpawn:       "it could not be started",
	event.FailRefused:     "the far end refused",
	event.FailUnreachable: "the far end could not be reached",
	event.FailTLS:         "the TLS handshake did not succeed",
	event.FailAuth:        "the far end did not accept the credentials",
	event.FailProtocol:    "the far end answered what its protocol does not allow",
	event.FailOverflow:    "a queue was full",
	event.FailPermission:  "it is not allowed",
	event.FailInvalid:     "the input is not valid",
	event.FailCrash:       "it crashed",
}

// moments say when announcements are sent.
var moments = map[event.Reason]string{ //nolint:exhaustive // a test walks its range
	event.AnnounceTransition:    "at the transition",
	event.AnnounceRepeat:        "again after garp_master_delay",
	event.AnnounceRefresh:       "to refresh",
	event.AnnounceLowerPriority: "after an advert of a lower priority",
	event.AnnounceReload:        "for addresses that a reload added",
	event.AnnounceThaw:          "after a pause of our own",
	event.AnnounceSource:        "so that its unicast peers find it again",
	event.AnnounceRestore:       "because somebody else had removed them",
}

// precedences say how another master compares with us.
var precedences = map[event.Reason]string{ //nolint:exhaustive // a test walks its range
	event.ConflictLower:  "lower than ours",
	event.ConflictEqual:  "equal to ours",
	event.ConflictHigher: "higher than ours",
}
