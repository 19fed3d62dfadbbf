// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

// SubjectKind is what sort of thing an event is about.
type SubjectKind uint8

// The kinds of subject.
const (
	SubjectNone SubjectKind = iota
	SubjectInstance
	SubjectGroup
	SubjectInterface
	SubjectScript
	SubjectFile
	SubjectProcess
	SubjectBFD
	SubjectVirtualServer
	SubjectRealServer
	SubjectWorker
	SubjectConfig
	SubjectChannel
	SubjectRouter
)

var subjectWords = []string{
	"", "vrrp_instance", "vrrp_sync_group", "interface", "script", "file", "process", "bfd",
	"virtual_server", "real_server", "worker", "config", "channel", "router",
}

func (k SubjectKind) String() string { return wordOf(subjectWords, k) }

// MarshalText implements encoding.TextMarshaler.
func (k SubjectKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *SubjectKind) UnmarshalText(b []byte) (err error) {
	*k, err = word[SubjectKind](subjectWords, b, "subject kind")
	return err
}

// Subject is what an event is about. It is comparable and can be a map key.
type Subject struct {
	Kind SubjectKind `json:"kind"`
	// Name is the configured name: of the instance, group, interface, script,
	// role, channel, or the key of a virtual server.
	Name string `json:"name,omitempty"`
	// Sub is the second part of the name: a real server's key, an address.
	Sub string `json:"sub,omitempty"`
	// Family is 4 or 6 for an instance, else 0.
	Family uint8 `json:"family,omitempty"`
	// VRID is the virtual router id of an instance, 1 to 255, else 0.
	VRID uint8 `json:"vrid,omitempty"`
}

func (s Subject) String() string {
	out := s.Kind.String() + "/" + s.Name
	if s.Sub != "" {
		out += "/" + s.Sub
	}
	return out
}
