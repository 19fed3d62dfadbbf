// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"slices"
	"strconv"
	"strings"
)

// repeat takes a line that starts with ~SEQ, ~SEQx or ~LST and gives the lines it stands for, last one first. ok is
// false when the line is not one of these.
func (p *parser) repeat(it item) (lines []item, ok bool) {
	s := it.text
	var kind string
	for _, k := range [...]string{"~SEQx(", "~SEQ(", "~LST("} {
		if strings.HasPrefix(s, k) {
			kind = k
		}
	}
	if kind == "" {
		return nil, false
	}
	end := strings.IndexByte(s, ')')
	if end < 0 {
		p.fault(it.pos(0), RuleBadSequence, s[:len(kind)-1]+" without its ')'; the line is ignored", "")
		return nil, true
	}
	head := item{it.slice(len(kind), end), it.vars}
	params, more, ok := p.substitute(head)
	if !ok {
		return nil, true
	}
	if len(more) > 0 {
		p.fault(it.pos(0), RuleBadSequence, "a definition of several lines between the parentheses; the line is ignored", "")
		return nil, true
	}
	body := trim(it.slice(end+1, len(s)))
	var names []string
	var values [][]string
	var problem string
	if kind == "~LST(" {
		names, values, problem = listValues(params.text)
	} else {
		names, values, problem = sequenceValues(params.text, kind == "~SEQx(", p.limits.Lines-p.made)
	}
	if problem != "" {
		p.fault(it.pos(0), RuleBadSequence, problem+"; the line is ignored", "")
		return nil, true
	}
	if values == nil {
		p.stop(it.pos(0), "the sequence makes more lines than the "+strconv.Itoa(p.limits.Lines)+" allowed; reading stops here")
		return nil, true
	}
	for _, tuple := range slices.Backward(values) {
		vars := it.vars
		for k, name := range names {
			value := ""
			if k < len(tuple) {
				value = tuple[k]
			}
			vars = &binding{name, value, vars}
		}
		lines = append(lines, item{body, vars})
	}
	return lines, true
}

// sequenceValues reads `var, [start, [step,]] end`. More than most values give nil.
func sequenceValues(params string, hex bool, most int) (names []string, values [][]string, problem string) {
	f := strings.Split(params, ",")
	for i := range f {
		f[i] = strings.Trim(f[i], blanks)
	}
	if len(f) < 2 || len(f) > 4 {
		return nil, nil, "a sequence takes a name and one to three numbers"
	}
	if n := nameLength(f[0]); n == 0 || n != len(f[0]) {
		return nil, nil, "'" + f[0] + "' is not a name"
	}
	var nums [3]int64
	for i, s := range f[1:] {
		v, err := strconv.ParseInt(s, 0, 64)
		if err != nil || v > 1<<40 || v < -1<<40 || strings.IndexByte(s, '_') >= 0 {
			return nil, nil, "'" + s + "' is not a number"
		}
		nums[i] = v
	}
	end := nums[len(f)-2]
	start, step := int64(1), int64(1)
	if len(f) > 2 {
		start = nums[0]
		if end < start {
			step = -1
		}
	} else if end < 0 {
		start, step = -1, -1
	}
	if len(f) == 4 {
		step = nums[1]
	}
	if step == 0 || (step > 0) != (end >= start) && end != start {
		return nil, nil, "the step never reaches the end"
	}
	if hex && (start < 0 || end < 0) {
		return nil, nil, "a hexadecimal sequence has no negative numbers"
	}
	count := (end-start)/step + 1
	if count > int64(most) {
		return nil, nil, ""
	}
	base := 10
	if hex {
		base = 16
	}
	values = make([][]string, count)
	for i := range values {
		values[i] = []string{strconv.FormatInt(start+int64(i)*step, base)}
	}
	return f[:1], values, ""
}

// listValues reads `var, value...` or `{var...}, {value...}...`.
func listValues(params string) (names []string, values [][]string, problem string) {
	var groups [][]string
	for rest := strings.Trim(params, blanks); rest != ""; {
		var group string
		if rest[0] == '{' {
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return nil, nil, "'{' without its '}' in a list"
			}
			group, rest = rest[1:end], strings.TrimLeft(rest[end+1:], blanks)
			groups = append(groups, trimAll(strings.Split(group, ",")))
			if rest != "" && rest[0] != ',' {
				return nil, nil, "the values of a list are separated by commas"
			}
		} else {
			end := strings.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			group, rest = rest[:end], rest[end:]
			groups = append(groups, []string{strings.Trim(group, blanks)})
		}
		rest = strings.TrimLeft(strings.TrimPrefix(rest, ","), blanks)
	}
	if len(groups) < 2 {
		return nil, nil, "a list takes a name and at least one value"
	}
	for _, name := range groups[0] {
		if n := nameLength(name); n == 0 || n != len(name) {
			return nil, nil, "'" + name + "' is not a name"
		}
	}
	for _, g := range groups[1:] {
		if len(g) > len(groups[0]) {
			return nil, nil, "more values than names in a list"
		}
	}
	return groups[0], groups[1:], ""
}

func trimAll(list []string) []string {
	for i := range list {
		list[i] = strings.Trim(list[i], blanks)
	}
	return list
}
