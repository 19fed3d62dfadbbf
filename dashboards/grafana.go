// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// object is a part of a document that Grafana reads.
type object = map[string]any

// list is several.
type list = []any

// schema is the version of Grafana's schema (Grafana 10); later ones migrate it.
const schema = 39

var source = object{"type": "prometheus", "uid": "${datasource}"}

// JSON is the dashboard as Grafana imports it.
func (d *Dashboard) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(object{
		"uid": d.UID, "title": d.Title, "description": d.Description, "tags": list{"vigil"},
		"schemaVersion": schema, "version": 1, "editable": false, "graphTooltip": 1, "refresh": "30s",
		"time": object{"from": "now-6h", "to": "now"}, "timezone": "", "timepicker": object{},
		"templating":  object{"list": d.variables()},
		"annotations": object{"list": list{transitions()}},
		"links": list{object{
			"title": "vigil", "type": "dashboards", "tags": list{"vigil"}, "asDropdown": true,
			"includeVars": true, "keepTime": true, "targetBlank": false, "icon": "external link", "tooltip": "", "url": "",
		}},
		"panels": d.panels(),
	})
	return b.Bytes(), err
}

// transitions marks every transition in every panel.
func transitions() object {
	return object{
		"name": "Transitions", "datasource": source, "enable": true, "iconColor": "orange", "step": "30s",
		"expr":        `sum by (instance, vrrp_instance, to, reason) (increase(vigil_vrrp_transitions_total{` + matchers + `}[$__rate_interval])) > 0`,
		"titleFormat": "{{vrrp_instance}} on {{instance}} to {{to}}", "textFormat": "{{reason}}", "tagKeys": "instance,to",
	}
}

func (d *Dashboard) variables() list {
	out := list{
		object{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1},
		variable("cluster", "vigil_build_info", ""),
		variable("job", "vigil_build_info", `cluster=~"$cluster"`),
		variable("instance", "vigil_build_info", `cluster=~"$cluster",job=~"$job"`),
	}
	narrower := matchers
	for _, v := range d.Vars {
		out = append(out, variable(v.Label, v.Metric, narrower))
		narrower += `,` + v.Label + `=~"$` + v.Label + `"`
	}
	return out
}

// variable is a label to choose from its values; all of them also when there is
// no such label.
func variable(label, metric, within string) object {
	query := "label_values(" + metric
	if within != "" {
		query += "{" + within + "}"
	}
	query += ", " + label + ")"
	return object{
		"name": label, "label": label, "type": "query", "datasource": source,
		"query": object{"query": query, "refId": "Variable"}, "definition": query,
		"refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".*", "hide": 0,
		"current": object{"selected": true, "text": list{"All"}, "value": list{"$__all"}},
	}
}

// The width of the page and the sizes of panels, in Grafana's units.
const (
	page       = 24
	statWidth  = 4
	statHeight = 4
	halfWidth  = 12
	height     = 8
)

// size is the width and the height of the panel.
func (p *Panel) size() (w, h int) {
	switch {
	case p.Wide:
		return page, height
	case p.Kind == Stat:
		return statWidth, statHeight
	}
	return halfWidth, height
}

// panels lays the rows out from top to bottom, panels from left to right.
func (d *Dashboard) panels() list {
	var out list
	id, y := 0, 0
	for _, row := range d.Rows {
		id++
		out = append(out, object{"id": id, "type": "row", "title": row.Title, "collapsed": false, "panels": list{}, "gridPos": grid(0, y, page, 1)})
		y++
		x, tallest := 0, 0
		for i := range row.Panels {
			p := &row.Panels[i]
			w, h := p.size()
			if x+w > page {
				x, y, tallest = 0, y+tallest, 0
			}
			id++
			out = append(out, p.grafana(id, grid(x, y, w, h)))
			x, tallest = x+w, max(tallest, h)
		}
		y += tallest
	}
	return out
}

func grid(x, y, w, h int) object { return object{"x": x, "y": y, "w": w, "h": h} }

func (p *Panel) grafana(id int, at object) object {
	var targets list
	for i, t := range p.Targets {
		target := object{
			"refId": string(rune('A' + i)), "datasource": source, "expr": t.Query(), "legendFormat": t.Legend,
			"range": true, "instant": false, "exemplar": p.Kind == Lines, "editorMode": "code", "format": "time_series",
		}
		switch p.Kind {
		case Table:
			target["range"], target["instant"], target["format"] = false, true, "table"
		case Heatmap:
			target["format"] = "heatmap"
		case Lines, Stat, Timeline:
		}
		targets = append(targets, target)
	}
	out := object{
		"id": id, "type": string(p.Kind), "title": p.Title, "description": p.Description, "datasource": source, "gridPos": at,
		"targets": targets, "options": p.options(),
		"fieldConfig": object{"defaults": object{"unit": p.Unit, "custom": p.custom(), "mappings": p.mappings(), "color": object{"mode": p.colour()}}, "overrides": list{}},
	}
	if p.Kind == Table {
		out["transformations"] = list{object{"id": "organize", "options": object{"excludeByName": object{"Time": true}}}}
	}
	return out
}

func (p *Panel) colour() string {
	if p.Kind == Stat || p.Kind == Timeline {
		return "thresholds"
	}
	return "palette-classic"
}

// options are the panel's own.
func (p *Panel) options() object {
	legend := object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": list{}}
	switch p.Kind {
	case Lines:
		return object{"legend": legend, "tooltip": object{"mode": "multi", "sort": "desc"}}
	case Timeline:
		return object{"legend": legend, "tooltip": object{"mode": "single", "sort": "none"}, "mergeValues": true, "showValue": "auto", "rowHeight": 0.9}
	case Stat:
		return object{"reduceOptions": object{"calcs": list{"lastNotNull"}, "fields": "", "values": false}, "colorMode": "value", "graphMode": "area", "textMode": "auto"}
	case Heatmap:
		return object{"calculate": false, "yAxis": object{"unit": p.Unit, "axisPlacement": "left"}, "color": object{"mode": "scheme", "scheme": "Oranges", "steps": 64}, "cellGap": 1, "tooltip": object{"show": true, "yHistogram": false}}
	case Table:
		return object{"showHeader": true, "cellHeight": "sm"}
	}
	return nil
}

// custom is how lines are drawn.
func (p *Panel) custom() object {
	switch p.Kind {
	case Lines:
		mode, fill := "none", 0
		if p.Stacked {
			mode, fill = "normal", 40
		}
		return object{"drawStyle": "line", "lineWidth": 1, "fillOpacity": fill, "showPoints": "auto", "spanNulls": false, "stacking": object{"mode": mode, "group": "A"}}
	case Timeline:
		return object{"fillOpacity": 80, "lineWidth": 0}
	case Stat, Heatmap, Table:
	}
	return object{}
}

// mappings are the words for numbers.
func (p *Panel) mappings() list {
	if len(p.Words) == 0 {
		return list{}
	}
	words := object{}
	for i, w := range p.Words {
		words[strconv.Itoa(i)] = object{"text": w.Text, "color": w.Color, "index": i}
	}
	return list{object{"type": "value", "options": words}}
}
