// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package fw

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// What we need of linux/netfilter/nf_tables.h.
const (
	subsystem = unix.NFNL_SUBSYS_NFTABLES << 8

	newTable   = subsystem | unix.NFT_MSG_NEWTABLE
	delTable   = subsystem | unix.NFT_MSG_DELTABLE
	newChain   = subsystem | unix.NFT_MSG_NEWCHAIN
	newRule    = subsystem | unix.NFT_MSG_NEWRULE
	newSet     = subsystem | unix.NFT_MSG_NEWSET
	newSetElem = subsystem | unix.NFT_MSG_NEWSETELEM
	delSetElem = subsystem | unix.NFT_MSG_DELSETELEM

	attrTableName = unix.NFTA_TABLE_NAME
)

// The names of what is in the table.
const (
	chainIn, chainOut = "in", "out"
	// setAddrs holds addresses, setLocal link-local ones with their interface,
	// setVMACs VMACs, mapBases the interface below each of them.
	setAddrs, setLocal, setVMACs, mapBases = "vips", "vips_link_local", "vmac_set", "vmac_map"
)

// nft's numbers of types.
const typeIPv4, typeIPv6, typeIfIndex = 7, 8, 20

// family is what differs between the tables of the two.
type family struct {
	number byte
	// addrType is nft's type of an address, size its bytes, source and dest are
	// where it is in the IP header.
	addrType, size, source, dest uint32
}

var (
	ip4 = &family{unix.NFPROTO_IPV4, typeIPv4, 4, 12, 16}
	ip6 = &family{unix.NFPROTO_IPV6, typeIPv6, 16, 8, 24}
)

type attr struct {
	kind uint16
	data []byte
}

func raw(kind uint16, b []byte) attr { return attr{kind, b} }
func str(kind uint16, s string) attr { return attr{kind, append([]byte(s), 0)} }
func u32(kind uint16, v uint32) attr { return attr{kind, binary.BigEndian.AppendUint32(nil, v)} }

func nest(kind uint16, list ...attr) attr {
	var b []byte
	for _, a := range list {
		b = appendAttr(b, a)
	}
	return attr{kind | unix.NLA_F_NESTED, b}
}

func appendAttr(b []byte, a attr) []byte {
	e := binary.NativeEndian
	b = e.AppendUint16(b, uint16(4+len(a.data)))
	b = e.AppendUint16(b, a.kind)
	b = append(b, a.data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// batch is one transaction.
type batch struct {
	messages [][]byte
	sets     uint32
}

func (b *batch) add(kind, flags uint16, family byte, resource uint16, attrs ...attr) {
	e := binary.NativeEndian
	m := e.AppendUint32(nil, 0)
	m = e.AppendUint16(m, kind)
	m = e.AppendUint16(m, flags|unix.NLM_F_REQUEST)
	m = append(m, make([]byte, 8)...) // sequence number below, port
	m = append(m, family, unix.NFNETLINK_V0)
	m = binary.BigEndian.AppendUint16(m, resource)
	for _, a := range attrs {
		m = appendAttr(m, a)
	}
	e.PutUint32(m, uint32(len(m)))
	b.messages = append(b.messages, m)
}

// finish puts the transaction between its brackets and numbers it from seq.
// first and last are the numbers of the messages; the last is acknowledged.
func (b *batch) finish(seq uint32) (out []byte, first, last uint32) {
	body := b.messages
	b.messages = nil
	b.add(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	b.messages = append(b.messages, body...)
	b.add(unix.NFNL_MSG_BATCH_END, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)
	e := binary.NativeEndian
	first, last = seq, seq+uint32(len(body))
	for i, m := range b.messages {
		e.PutUint32(m[8:], seq+uint32(i))
		if i == len(body) {
			e.PutUint16(m[6:], e.Uint16(m[6:])|unix.NLM_F_ACK)
		}
		out = append(out, m...)
	}
	return out, first, last
}

// table creates our table of one family afresh: its sets, its two chains and
// their rules, which only look at the sets.
func (b *batch) table(o *Options, family *family) {
	// Creating before deleting makes the deletion succeed in any case.
	b.add(newTable, unix.NLM_F_CREATE, family.number, 0, str(attrTableName, o.Table))
	b.add(delTable, 0, family.number, 0, str(attrTableName, o.Table))
	b.add(newTable, unix.NLM_F_CREATE, family.number, 0, str(attrTableName, o.Table))
	b.chain(o, family, chainIn, unix.NF_INET_LOCAL_IN)
	b.chain(o, family, chainOut, unix.NF_INET_LOCAL_OUT)
}

// blocks adds what drops packets to and from the addresses in two sets. The
// rules come after those of a VMAC or before, which makes no difference.
func (b *batch) blocks(o *Options, f *family) {
	b.set(o, f, setAddrs, f.addrType, f.size, 0)
	if f.number == unix.NFPROTO_IPV6 {
		// Link-local addresses are only those of one interface.
		b.set(o, f, setLocal, f.addrType<<6|typeIfIndex, f.size+4, 0)
		// RFC 9568 section 6.4.3: neighbour discovery is never dropped.
		for kind := byte(135); kind <= 136; kind++ {
			b.rule(o, f, chainIn, append(icmp6(kind), verdict(nfAccept))...)
			b.rule(o, f, chainOut, append(icmp6(kind), verdict(nfAccept))...)
		}
	}
	for _, way := range [...]struct {
		chain  string
		offset uint32
		meta   uint32
	}{{chainIn, f.dest, unix.NFT_META_IIF}, {chainOut, f.source, unix.NFT_META_OIF}} {
		address := load(unix.NFT_PAYLOAD_NETWORK_HEADER, way.offset, f.size)
		if f.number == unix.NFPROTO_IPV6 {
			b.rule(o, f, way.chain, address, metaTo(way.meta, unix.NFT_REG32_04), lookup(setLocal), verdict(nfDrop))
		}
		b.rule(o, f, way.chain, address, lookup(setAddrs), verdict(nfDrop))
	}
}

// redirects adds what sends group membership reports of VMACs by the interface
// below, so that a switch expects the group's frames for the right MAC address,
// and what keeps router solicitations of VMACs back.
func (b *batch) redirects(o *Options, f *family) {
	b.set(o, f, mapBases, typeIfIndex, 4, typeIfIndex)
	report := []attr{meta(unix.NFT_META_L4PROTO), equal([]byte{unix.IPPROTO_IGMP})}
	if f.number == unix.NFPROTO_IPV6 {
		const routerSolicitation, listenerReport = 133, 143
		report = icmp6(listenerReport)
		b.set(o, f, setVMACs, typeIfIndex, 4, 0)
		b.rule(o, f, chainOut, append(icmp6(routerSolicitation), meta(unix.NFT_META_OIF), lookup(setVMACs), verdict(nfDrop))...)
	}
	b.rule(o, f, chainOut, append(report, load(unix.NFT_PAYLOAD_NETWORK_HEADER, f.dest, f.size),
		metaTo(unix.NFT_META_OIF, unix.NFT_REG_2), lookupTo(mapBases, unix.NFT_REG_2),
		expr("dup", u32(unix.NFTA_DUP_SREG_ADDR, register), u32(unix.NFTA_DUP_SREG_DEV, unix.NFT_REG_2)), verdict(nfDrop))...)
}

func (b *batch) chain(o *Options, f *family, name string, hook uint32) {
	b.add(newChain, unix.NLM_F_CREATE, f.number, 0, str(unix.NFTA_CHAIN_TABLE, o.Table), str(unix.NFTA_CHAIN_NAME, name),
		nest(unix.NFTA_CHAIN_HOOK, u32(unix.NFTA_HOOK_HOOKNUM, hook), u32(unix.NFTA_HOOK_PRIORITY, uint32(o.Priority))),
		str(unix.NFTA_CHAIN_TYPE, "filter"), u32(unix.NFTA_CHAIN_POLICY, 1))
}

// set creates a set, or a map if it has a type of data.
func (b *batch) set(o *Options, f *family, name string, keyType, keyLen, dataType uint32) {
	flags := uint32(0)
	if dataType != 0 {
		flags = unix.NFT_SET_MAP
	}
	b.sets++
	attrs := []attr{
		str(unix.NFTA_SET_TABLE, o.Table), str(unix.NFTA_SET_NAME, name), u32(unix.NFTA_SET_FLAGS, flags),
		u32(unix.NFTA_SET_KEY_TYPE, keyType), u32(unix.NFTA_SET_KEY_LEN, keyLen), u32(unix.NFTA_SET_ID, b.sets),
	}
	if dataType != 0 {
		attrs = append(attrs, u32(unix.NFTA_SET_DATA_TYPE, dataType), u32(unix.NFTA_SET_DATA_LEN, 4))
	}
	if keyType == typeIfIndex {
		// What nft(8) goes by to show numbers as names: key and data are of the
		// host's byte order (type, length and value of each).
		e := binary.NativeEndian
		attrs = append(attrs, raw(unix.NFTA_SET_USERDATA, e.AppendUint32(append(e.AppendUint32([]byte{0, 4}, 1), 1, 4), 1)))
	}
	b.add(newSet, unix.NLM_F_CREATE, f.number, 0, attrs...)
}

// elements adds elements to a set, or removes them.
func (b *batch) elements(kind uint16, o *Options, f *family, set string, elems []attr) {
	flags := uint16(0)
	if kind == newSetElem {
		flags = unix.NLM_F_CREATE
	}
	// An attribute holds 64 KiB at most.
	const most = 1000
	for len(elems) > 0 {
		n := min(most, len(elems))
		b.add(kind, flags, f.number, 0, str(unix.NFTA_SET_ELEM_LIST_TABLE, o.Table), str(unix.NFTA_SET_ELEM_LIST_SET, set),
			nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS, elems[:n]...))
		elems = elems[n:]
	}
}

// key is an element of a set.
func key(b []byte) attr {
	return nest(unix.NFTA_LIST_ELEM, nest(unix.NFTA_SET_ELEM_KEY, raw(unix.NFTA_DATA_VALUE, b)))
}

// pair is an element of a map.
func pair(k, v []byte) attr {
	return nest(unix.NFTA_LIST_ELEM, nest(unix.NFTA_SET_ELEM_KEY, raw(unix.NFTA_DATA_VALUE, k)),
		nest(unix.NFTA_SET_ELEM_DATA, raw(unix.NFTA_DATA_VALUE, v)))
}

func (b *batch) rule(o *Options, f *family, chain string, exprs ...attr) {
	if o.Counters {
		last := len(exprs) - 1
		exprs = append(append(append([]attr(nil), exprs[:last]...), expr("counter")), exprs[last])
	}
	b.add(newRule, unix.NLM_F_CREATE|unix.NLM_F_APPEND, f.number, 0, str(unix.NFTA_RULE_TABLE, o.Table), str(unix.NFTA_RULE_CHAIN, chain),
		nest(unix.NFTA_RULE_EXPRESSIONS, exprs...))
}

const (
	nfDrop, nfAccept = 0, 1
	register         = unix.NFT_REG_1
)

func expr(name string, attrs ...attr) attr {
	return nest(unix.NFTA_LIST_ELEM, str(unix.NFTA_EXPR_NAME, name), nest(unix.NFTA_EXPR_DATA, attrs...))
}

func meta(key uint32) attr { return metaTo(key, register) }

func metaTo(key, to uint32) attr {
	return expr("meta", u32(unix.NFTA_META_KEY, key), u32(unix.NFTA_META_DREG, to))
}

func equal(v []byte) attr {
	return expr("cmp", u32(unix.NFTA_CMP_SREG, register), u32(unix.NFTA_CMP_OP, unix.NFT_CMP_EQ),
		nest(unix.NFTA_CMP_DATA, raw(unix.NFTA_DATA_VALUE, v)))
}

func icmp6(kind byte) []attr {
	return []attr{
		meta(unix.NFT_META_L4PROTO), equal([]byte{unix.IPPROTO_ICMPV6}),
		load(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), equal([]byte{kind}),
	}
}

func load(base, offset, n uint32) attr {
	return expr("payload", u32(unix.NFTA_PAYLOAD_DREG, register), u32(unix.NFTA_PAYLOAD_BASE, base),
		u32(unix.NFTA_PAYLOAD_OFFSET, offset), u32(unix.NFTA_PAYLOAD_LEN, n))
}

func lookup(set string) attr {
	return expr("lookup", str(unix.NFTA_LOOKUP_SET, set), u32(unix.NFTA_LOOKUP_SREG, register))
}

// lookupTo looks up a register in a map and puts what it finds there; finding
// nothing ends the rule.
func lookupTo(set string, at uint32) attr {
	return expr("lookup", str(unix.NFTA_LOOKUP_SET, set), u32(unix.NFTA_LOOKUP_SREG, at), u32(unix.NFTA_LOOKUP_DREG, at))
}

func verdict(code uint32) attr {
	return expr("immediate", u32(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT),
		nest(unix.NFTA_IMMEDIATE_DATA, nest(unix.NFTA_DATA_VERDICT, u32(unix.NFTA_VERDICT_CODE, code))))
}
