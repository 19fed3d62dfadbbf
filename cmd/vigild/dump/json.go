// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// masked stands for a password of any length (compat: as of 2.4).
const masked = "********"

// data is keepalived's description of an instance, in its order.
type data struct {
	Name               string      `json:"iname"`
	DontTrackPrimary   int         `json:"dont_track_primary"`
	SkipCheckAdvAddr   int         `json:"skip_check_adv_addr"`
	StrictMode         int         `json:"strict_mode"`
	VMACInterface      string      `json:"vmac_ifname"`
	Interface          string      `json:"ifp_ifname,omitempty"`
	MasterPriority     uint8       `json:"master_priority"`
	LastTransition     json.Number `json:"last_transition"`
	GarpDelay          float64     `json:"garp_delay"`
	GarpRefresh        int64       `json:"garp_refresh"`
	GarpRep            int         `json:"garp_rep"`
	GarpRefreshRep     int         `json:"garp_refresh_rep"`
	GarpLowerPrioDelay int64       `json:"garp_lower_prio_delay"`
	GarpLowerPrioRep   int         `json:"garp_lower_prio_rep"`
	LowerNoAdvert      int         `json:"lower_prio_no_advert"`
	HigherSendAdvert   int         `json:"higher_prio_send_advert"`
	VRID               uint8       `json:"vrid"`
	BasePriority       uint8       `json:"base_priority"`
	EffectivePriority  uint8       `json:"effective_priority"`
	VIPSet             bool        `json:"vipset"`
	PromoteSecondaries bool        `json:"promote_secondaries"`
	AdvertInterval     float64     `json:"adver_int"`
	MasterInterval     float64     `json:"master_adver_int"`
	Accept             int         `json:"accept"`
	NoPreempt          bool        `json:"nopreempt"`
	PreemptDelay       int64       `json:"preempt_delay"`
	State              int         `json:"state"`
	WantState          int         `json:"wantstate"`
	Version            uint8       `json:"version"`
	SMTPAlert          bool        `json:"smtp_alert"`
	NotifyDeleted      bool        `json:"notify_deleted"`
	ScriptBackup       string      `json:"script_backup,omitempty"`
	ScriptMaster       string      `json:"script_master,omitempty"`
	ScriptFault        string      `json:"script_fault,omitempty"`
	ScriptStop         string      `json:"script_stop,omitempty"`
	ScriptDeleted      string      `json:"script_deleted,omitempty"`
	Script             string      `json:"script,omitempty"`
	ScriptRxLower      string      `json:"script_master_rx_lower_pri,omitempty"`
	VIPs               []string    `json:"vips,omitempty"`
	EVIPs              []string    `json:"evips,omitempty"`
	Routes             []string    `json:"vroutes,omitempty"`
	Rules              []string    `json:"vrules,omitempty"`
	TrackInterfaces    []string    `json:"track_ifp,omitempty"`
	TrackScripts       []string    `json:"track_script,omitempty"`
	TrackProcesses     []string    `json:"track_process,omitempty"`
	AuthType           uint8       `json:"auth_type"`
	AuthData           string      `json:"auth_data,omitempty"`
}

// document is one instance of the JSON dump.
type document struct {
	Data  data  `json:"data"`
	Stats stats `json:"stats"`
}

// process is one vrrp_track_process of the second layout.
type process struct {
	Process          string  `json:"process"`
	Parameters       string  `json:"parameters,omitempty"`
	ParamMatch       string  `json:"param_match"`
	Min              int     `json:"min_processes"`
	Max              int     `json:"max_processes,omitempty"`
	Current          int64   `json:"current_processes"`
	HaveQuorum       bool    `json:"have_quorum"`
	Weight           int     `json:"weight"`
	TerminateDelay   float64 `json:"terminate_delay"`
	ForkDelay        float64 `json:"fork_delay"`
	ForkRunning      bool    `json:"fork_delay_timer_running"`
	TerminateRunning bool    `json:"terminate_delay_timer_running"`
	FullCommand      bool    `json:"full_command"`
}

// JSON is keepalived.json in the layout that json_version names.
func JSON(s *Source) ([]byte, error) {
	list := make([]document, 0, len(s.View.Instances))
	for _, in := range s.instances() {
		list = append(list, document{s.data(&in), in.stats})
	}
	var all any = list
	if s.Config.Global.Dump.JSONVersion == 2 {
		all = struct {
			VRRP      []document `json:"vrrp"`
			Processes []process  `json:"track_process,omitempty"`
		}{list, s.processes()}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("dump: %w", err)
	}
	return append(text, '\n'), nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *Source) data(in *instance) data {
	set, now := in.set, in.now
	t, row := &now.Tally, &now.Row
	d := data{
		Name: set.Name, DontTrackPrimary: bit(set.DontTrackPrimary), SkipCheckAdvAddr: bit(set.SkipCheckAdvAddr), StrictMode: bit(set.Strict),
		VMACInterface: set.VMAC, Interface: set.Face(), MasterPriority: in.masterPriority(), LastTransition: json.Number(seconds(now.SinceWall)),
		GarpDelay: set.GarpDelay.Seconds(), GarpRefresh: int64(set.GarpRefresh / time.Second), GarpRep: set.GarpRepeat, GarpRefreshRep: set.GarpRefreshRepeat,
		GarpLowerPrioDelay: int64(set.GarpLowerPrioDelay / time.Second), GarpLowerPrioRep: set.GarpLowerPrioRepeat,
		LowerNoAdvert: bit(set.LowerPrioNoAdvert), HigherSendAdvert: bit(set.HigherPrioSendAdvert),
		VRID: set.VRID, BasePriority: set.Priority, EffectivePriority: now.Priority, VIPSet: in.owns(), PromoteSecondaries: set.PromoteSecondaries,
		AdvertInterval: set.AdvertInterval.Seconds(), MasterInterval: t.MasterInterval.Seconds(), Accept: bit(set.Accept || set.Owner()),
		NoPreempt: set.NoPreempt, PreemptDelay: int64(set.PreemptDelay / time.Second), State: code(now.State), WantState: code(now.State),
		Version: set.Version, SMTPAlert: row.SMTPAlert, NotifyDeleted: set.NotifyDeleted,
		ScriptBackup: row.ScriptBackup, ScriptMaster: row.ScriptMaster, ScriptFault: row.ScriptFault, ScriptStop: row.ScriptStop,
		ScriptDeleted: row.ScriptDeleted, Script: row.Script, ScriptRxLower: row.ScriptRxLower,
		VIPs: in.vips(), EVIPs: in.excluded(), Routes: s.routes(set.Name), Rules: s.rules(set.Name),
		AuthType: uint8(set.Auth),
	}
	if set.Auth != vrrp.AuthNone {
		d.AuthData = masked
	}
	for _, tr := range set.Tracks {
		switch tr.Kind { //nolint:exhaustive // the others are not in keepalived's dump
		case event.SubjectInterface:
			d.TrackInterfaces = append(d.TrackInterfaces, tr.Name)
		case event.SubjectScript:
			d.TrackScripts = append(d.TrackScripts, s.command(tr.Name))
		case event.SubjectProcess:
			d.TrackProcesses = append(d.TrackProcesses, tr.Name)
		}
	}
	return d
}

// masterPriority is that of the other router that is master, 0 for none.
func (in *instance) masterPriority() uint8 {
	if in.now.State == event.Master {
		return 0
	}
	return in.now.Tally.MasterPriority
}

// owns says whether any of the addresses is set.
func (in *instance) owns() bool {
	for _, a := range in.now.Addresses {
		if a.Owned {
			return true
		}
	}
	return false
}

// command is the command line of a vrrp_script.
func (s *Source) command(name string) string {
	for _, x := range s.View.Scripts {
		if x.Row.Subject.Name == name {
			return x.Row.Command
		}
	}
	return name
}

func (s *Source) processes() []process {
	var out []process
	for _, row := range s.View.Processes {
		p := process{
			Process: row.Subject.Name, Parameters: row.Params, ParamMatch: row.Match, Min: row.Quorum,
			Weight: row.Weight, TerminateDelay: row.TerminateDelay.Seconds(), ForkDelay: row.ForkDelay.Seconds(), FullCommand: row.FullCommand,
		}
		if row.Match == "" {
			p.ParamMatch = "none"
		}
		if row.Reverse {
			p.Weight = -p.Weight
		}
		if row.QuorumMax >= 0 {
			p.Max = row.QuorumMax
		}
		if o := s.object(row.Subject); o != nil {
			p.Current, p.HaveQuorum = o.Value, o.State == event.Up
		}
		out = append(out, p)
	}
	return out
}
