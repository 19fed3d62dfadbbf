// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"net/netip"
	"path"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Settings is everything that notifiers need to know. It is built and
// validated by config; the notifiers trust it.
type Settings struct {
	// Instances and Groups are in the order of the configuration, also those
	// that have no script.
	Instances []SubjectSettings
	Groups    []SubjectSettings
	// Services are the virtual servers in the order of the configuration.
	Services []ServiceSettings
	// CheckerMails tells the mail of a real server's single checkers from that of
	// its changes; it is off with no_checker_emails. InitNotifies is
	// rs_init_notifies: the first state of a real server runs its script too.
	CheckerMails, InitNotifies bool
	// FIFOs are notify_fifo, vrrp_notify_fifo and lvs_notify_fifo, those that are set.
	FIFOs    []FIFOSettings
	SMTP     SMTPSettings
	Webhooks []WebhookSettings
}

// Script is one notify script: the command line of keepalived.conf, split into
// words, with the account it runs under.
type Script struct {
	// Argv is the program and its arguments; empty means no script.
	Argv []string
	// User and Group are the account; empty means script_user of global_defs.
	User, Group string
}

// Set says whether a script is configured.
func (s *Script) Set() bool { return len(s.Argv) > 0 }

// SubjectSettings is what is told about one vrrp_instance or vrrp_sync_group.
type SubjectSettings struct {
	Name string
	// Master, Backup, Fault and Stop are notify_master, notify_backup,
	// notify_fault and notify_stop: run with exactly their own arguments.
	Master, Backup, Fault, Stop Script
	// Deleted is the command of notify_deleted, if it has one (instances only).
	Deleted Script
	// ReportDeleted is notify_deleted: an instance that a reload removed is
	// reported as DELETED. compat: without it, it is reported as FAULT.
	ReportDeleted bool
	// MasterRxLowerPri is notify_master_rx_lower_pri (instances only).
	MasterRxLowerPri Script
	// Generic is notify: TYPE NAME STATE PRIORITY are appended to its arguments.
	Generic Script
	// PriorityChanges is notify_priority_changes with its defaults from the
	// group and vrrp_notify_priority_changes: FIFOs get a line per change.
	PriorityChanges bool
	// SMTPAlert is smtp_alert with its defaults from smtp_alert_vrrp and smtp_alert.
	SMTPAlert bool
}

// ServiceSettings is what is told about one virtual_server.
type ServiceSettings struct {
	event.VirtualServer
	// QuorumUp and QuorumDown are quorum_up and quorum_down.
	QuorumUp, QuorumDown Script
	// SMTPAlert is smtp_alert with its defaults: changes of the quorum are mailed.
	SMTPAlert bool
	// Omega is omega: at stop the scripts of what goes down are run.
	Omega   bool
	Servers []ServerSettings
}

// ServerSettings is what is told about one real_server.
type ServerSettings struct {
	Addr netip.AddrPort
	// Up and Down are notify_up and notify_down.
	Up, Down Script
	// SMTPAlert is smtp_alert with its defaults: UP and DOWN are mailed.
	SMTPAlert bool
}

// FIFOSettings is one FIFO and the program that reads it.
type FIFOSettings struct {
	// Keyword is notify_fifo, vrrp_notify_fifo or lvs_notify_fifo: the name in statistics.
	Keyword string
	Path    string
	// User and Group own the FIFO; empty means the daemon's.
	User, Group string
	// Script is the program that reads the FIFO; the path of the FIFO is
	// appended to its arguments.
	Script Script
}

// TLSMode is how a connection to a mail server is protected.
type TLSMode string

// The modes of TLS.
const (
	// TLSNone sends in the clear, as keepalived does.
	TLSNone TLSMode = "none"
	// TLSStartTLS demands STARTTLS before anything else.
	TLSStartTLS TLSMode = "starttls"
	// TLSImplicit speaks TLS from the first byte.
	TLSImplicit TLSMode = "tls"
)

// MailStyle is how mail is worded.
type MailStyle string

// The styles of mail.
const (
	// StyleKeepalived is keepalived's one line.
	StyleKeepalived MailStyle = "keepalived"
	// StyleExplained says why, in plain text and as HTML.
	StyleExplained MailStyle = "explained"
)

// SMTPSettings is how mail is sent. Mail is sent only if both Server and
// Recipients are set (compat).
type SMTPSettings struct {
	// RouterID stands in front of every subject.
	RouterID string
	// Server is a host name or address; Port is 1 to 65535, 0 means 25.
	Server string
	Port   uint16
	// From is notification_email_from; Recipients is notification_email.
	From       string
	Recipients []string
	// Helo is smtp_helo_name; empty means the host name.
	Helo string
	// ConnectTimeout bounds one delivery, connection included; 0 means 30 s.
	ConnectTimeout time.Duration
	// NoFaults is no_email_faults: no mail about a transition to FAULT.
	NoFaults bool

	// The rest comes from vigil.yaml.

	// TLS is the protection of the connection; empty means TLSNone.
	TLS TLSMode
	// CAFile is a PEM file of the authorities to trust; empty means the system's.
	CAFile string
	// User and Password are for AUTH; empty means no authentication. The best
	// mechanism that the server offers is taken; passwords never go out in the clear.
	User, Password string
	// Auth is the one mechanism to take: plain, login, cram-md5, scram-sha-1 or
	// scram-sha-256; empty or auto is the best that the server offers.
	Auth string
	// MaxAge is how long delivery is tried, 0 means 1 h.
	MaxAge time.Duration
	// Style is the wording; empty means StyleKeepalived. Template is the Go template
	// of the text of explained mail; empty means the one built in.
	Style    MailStyle
	Template string
	// DigestAfter is how many mails go out one by one within DigestWait; what comes
	// beyond is put into one. 0 means that there is no digest. A wait of 0 means 10 s.
	DigestAfter int
	DigestWait  time.Duration
	// Spool is a folder in which mail waits, so that it survives a restart; empty
	// means memory alone. SpoolMax bounds it in bytes, 0 means 64 MiB.
	Spool    string
	SpoolMax int64
	// File is where mail is appended to instead of being sent, as mbox.
	File string
}

// Enabled says whether mail can be sent at all.
func (s *SMTPSettings) Enabled() bool {
	return len(s.Recipients) > 0 && (s.Server != "" || s.File != "")
}

// WebhookSettings is one receiver of JSON documents.
type WebhookSettings struct {
	// Name is the name in statistics and events.
	Name string
	// URL is http or https.
	URL string
	// Node is the name of this router in the document; empty means the host name.
	Node string
	// Secret is the key of the HMAC-SHA256 signature; empty means unsigned.
	Secret string
	// Headers are added to each request.
	Headers map[string]string
	// Timeout bounds one attempt, 0 means 10 s.
	Timeout time.Duration
	// MaxTries bounds the attempts for one document, 0 means 10.
	MaxTries int
	// MaxAge is how long delivery is tried, 0 means 1 h.
	MaxAge time.Duration
	// CAFile is a PEM file of the authorities to trust; CertFile and KeyFile
	// are the certificate that this router shows.
	CAFile, CertFile, KeyFile string
	// Template is the name of a ready template or the text of one
	// (document.Parse), Type the media type of what it writes; both empty mean the
	// JSON document.
	Template, Type string
	// Proxy is the URL of an HTTP or SOCKS5 proxy; empty means what the environment
	// says, direct means none.
	Proxy string
	// Only says what the receiver is told of.
	Only WebhookFilter
}

// WebhookFilter chooses events; what is empty lets everything pass.
type WebhookFilter struct {
	// Kinds are vrrp.state, group.state, server.state and service.quorum.
	Kinds []event.Kind
	// Names are patterns as of path.Match for the name of the instance, group or
	// virtual server, or for the address of the real server.
	Names []string
	// States are those that are entered.
	States []event.State
	// Reasons are those of the transition.
	Reasons []event.Reason
}

// takes says whether an event passes.
func (f *WebhookFilter) takes(e *event.Event) bool {
	named := len(f.Names) == 0
	for _, pattern := range f.Names {
		name, _ := path.Match(pattern, e.Subject.Name) // config has tried the pattern
		sub, _ := path.Match(pattern, e.Subject.Sub)
		named = named || name || e.Subject.Sub != "" && sub
	}
	return named && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind)) &&
		(len(f.States) == 0 || slices.Contains(f.States, e.To)) && (len(f.Reasons) == 0 || slices.Contains(f.Reasons, e.Reason))
}

// DirectProxy is a WebhookSettings.Proxy that means none.
const DirectProxy = "direct"
