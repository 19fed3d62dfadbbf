// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package mib

// The roots of the modules of the RFCs, in dotted numbers.
const (
	RFC2787 = "1.3.6.1.2.1.68"
	RFC6527 = "1.3.6.1.2.1.207"
)

// VRRPv2 is what is served of VRRP-MIB (RFC 2787), and VRRPv3 of VRRPV3-MIB (RFC
// 6527). The modules are the RFCs' own and come with any MIB browser, so they
// have no file here. compat: all of it is read-only, as keepalived has it, and
// the password of an instance cannot be read.
var (
	VRRPv2 = Module{
		Name: "VRRP-MIB",
		Groups: []Group{
			{Name: "vrrpOperations", OID: RFC2787 + ".1", Objects: []Object{
				{Number: 1, Name: "vrrpNodeVersion", Syntax: Integer32},
				{Number: 2, Name: "vrrpNotificationCntl", Syntax: Enumeration, Values: "enabled(1), disabled(2)"},
				{Number: 5, Name: "vrrpTrapPacketSrc", Syntax: IpAddress, Access: ForNotify},
				{Number: 6, Name: "vrrpTrapAuthErrorType", Syntax: Enumeration, Access: ForNotify, Values: "invalidAuthType(1), authTypeMismatch(2), authFailure(3)"},
			}},
			{Name: "vrrpStatistics", OID: RFC2787 + ".2", Objects: []Object{
				{Number: 1, Name: "vrrpRouterChecksumErrors", Syntax: Counter32},
				{Number: 2, Name: "vrrpRouterVersionErrors", Syntax: Counter32},
				{Number: 3, Name: "vrrpRouterVrIdErrors", Syntax: Counter32},
			}},
		},
		Tables: []Table{
			{Name: "vrrpOperTable", OID: RFC2787 + ".1.3", Index: []string{"ifIndex", "vrrpOperVrId"}, Columns: []Object{
				{Number: 1, Name: "vrrpOperVrId", Syntax: Integer32, Access: NotAccessible, Values: "1..255"},
				{Number: 2, Name: "vrrpOperVirtualMacAddr", Syntax: MacAddress},
				{Number: 3, Name: "vrrpOperState", Syntax: Enumeration, Values: "initialize(1), backup(2), master(3)"},
				{Number: 4, Name: "vrrpOperAdminState", Syntax: Enumeration, Values: "up(1), down(2)"},
				{Number: 5, Name: "vrrpOperPriority", Syntax: Integer32, Values: "0..255"},
				{Number: 6, Name: "vrrpOperIpAddrCount", Syntax: Integer32, Values: "0..255"},
				{Number: 7, Name: "vrrpOperMasterIpAddr", Syntax: IpAddress},
				{Number: 8, Name: "vrrpOperPrimaryIpAddr", Syntax: IpAddress},
				{Number: 9, Name: "vrrpOperAuthType", Syntax: Enumeration, Values: "noAuthentication(1), simpleTextPassword(2), ipAuthenticationHeader(3)"},
				{Number: 10, Name: "vrrpOperAuthKey", Syntax: DisplayString, Access: NotAccessible},
				{Number: 11, Name: "vrrpOperAdvertisementInterval", Syntax: Integer32, Values: "1..255"},
				{Number: 12, Name: "vrrpOperPreemptMode", Syntax: TruthValue},
				{Number: 13, Name: "vrrpOperVirtualRouterUpTime", Syntax: TimeStamp},
				{Number: 14, Name: "vrrpOperProtocol", Syntax: Enumeration, Values: "ip(1), bridge(2), decnet(3), other(4)"},
				{Number: 15, Name: "vrrpOperRowStatus", Syntax: RowStatus},
			}},
			{Name: "vrrpAssoIpAddrTable", OID: RFC2787 + ".1.4", Index: []string{"ifIndex", "vrrpOperVrId", "vrrpAssoIpAddr"}, Columns: []Object{
				{Number: 1, Name: "vrrpAssoIpAddr", Syntax: IpAddress, Access: NotAccessible},
				{Number: 2, Name: "vrrpAssoIpAddrRowStatus", Syntax: RowStatus},
			}},
			{Name: "vrrpRouterStatsTable", OID: RFC2787 + ".2.4", Index: []string{"ifIndex", "vrrpOperVrId"}, Columns: []Object{
				{Number: 1, Name: "vrrpStatsBecomeMaster", Syntax: Counter32},
				{Number: 2, Name: "vrrpStatsAdvertiseRcvd", Syntax: Counter32},
				{Number: 3, Name: "vrrpStatsAdvertiseIntervalErrors", Syntax: Counter32},
				{Number: 4, Name: "vrrpStatsAuthFailures", Syntax: Counter32},
				{Number: 5, Name: "vrrpStatsIpTtlErrors", Syntax: Counter32},
				{Number: 6, Name: "vrrpStatsPriorityZeroPktsRcvd", Syntax: Counter32},
				{Number: 7, Name: "vrrpStatsPriorityZeroPktsSent", Syntax: Counter32},
				{Number: 8, Name: "vrrpStatsInvalidTypePktsRcvd", Syntax: Counter32},
				{Number: 9, Name: "vrrpStatsAddressListErrors", Syntax: Counter32},
				{Number: 10, Name: "vrrpStatsInvalidAuthType", Syntax: Counter32},
				{Number: 11, Name: "vrrpStatsAuthTypeMismatch", Syntax: Counter32},
				{Number: 12, Name: "vrrpStatsPacketLengthErrors", Syntax: Counter32},
			}},
		},
		Notifications: []Notification{
			{Name: "vrrpTrapNewMaster", OID: RFC2787 + ".0.1", Objects: []string{"vrrpOperMasterIpAddr"}},
			{Name: "vrrpTrapAuthFailure", OID: RFC2787 + ".0.2", Objects: []string{"vrrpTrapPacketSrc", "vrrpTrapAuthErrorType"}},
		},
	}

	VRRPv3 = Module{
		Name: "VRRPV3-MIB",
		Groups: []Group{
			{Name: "vrrpv3Statistics", OID: RFC6527 + ".1.2", Objects: []Object{
				{Number: 1, Name: "vrrpv3RouterChecksumErrors", Syntax: Counter64},
				{Number: 2, Name: "vrrpv3RouterVersionErrors", Syntax: Counter64},
				{Number: 3, Name: "vrrpv3RouterVrIdErrors", Syntax: Counter64},
				{Number: 4, Name: "vrrpv3GlobalStatisticsDiscontinuityTime", Syntax: TimeStamp},
			}},
		},
		Tables: []Table{
			{Name: "vrrpv3OperationsTable", OID: RFC6527 + ".1.1.1", Index: []string{"ifIndex", "vrrpv3OperationsVrId", "vrrpv3OperationsInetAddrType"}, Columns: []Object{
				{Number: 1, Name: "vrrpv3OperationsVrId", Syntax: Integer32, Access: NotAccessible, Values: "1..255"},
				{Number: 2, Name: "vrrpv3OperationsInetAddrType", Syntax: InetAddressType, Access: NotAccessible},
				{Number: 3, Name: "vrrpv3OperationsMasterIpAddr", Syntax: InetAddress},
				{Number: 4, Name: "vrrpv3OperationsPrimaryIpAddr", Syntax: InetAddress},
				{Number: 5, Name: "vrrpv3OperationsVirtualMacAddr", Syntax: MacAddress},
				{Number: 6, Name: "vrrpv3OperationsStatus", Syntax: Enumeration, Values: "initialize(1), backup(2), master(3)"},
				{Number: 7, Name: "vrrpv3OperationsPriority", Syntax: Unsigned32, Values: "0..255"},
				{Number: 8, Name: "vrrpv3OperationsAddrCount", Syntax: Integer32, Values: "0..255"},
				{Number: 9, Name: "vrrpv3OperationsAdvInterval", Syntax: TimeInterval, Values: "1..4095"},
				{Number: 10, Name: "vrrpv3OperationsPreemptMode", Syntax: TruthValue},
				{Number: 11, Name: "vrrpv3OperationsAcceptMode", Syntax: TruthValue},
				{Number: 12, Name: "vrrpv3OperationsUpTime", Syntax: TimeTicks},
				{Number: 13, Name: "vrrpv3OperationsRowStatus", Syntax: RowStatus},
			}},
			{Name: "vrrpv3AssociatedIpAddrTable", OID: RFC6527 + ".1.1.2", Index: []string{"ifIndex", "vrrpv3OperationsVrId", "vrrpv3OperationsInetAddrType", "vrrpv3AssociatedIpAddrAddress"}, Columns: []Object{
				{Number: 1, Name: "vrrpv3AssociatedIpAddrAddress", Syntax: InetAddress, Access: NotAccessible},
				{Number: 2, Name: "vrrpv3AssociatedIpAddrRowStatus", Syntax: RowStatus},
			}},
			{Name: "vrrpv3StatisticsTable", OID: RFC6527 + ".1.2.5", Index: []string{"ifIndex", "vrrpv3OperationsVrId", "vrrpv3OperationsInetAddrType"}, Columns: []Object{
				{Number: 1, Name: "vrrpv3StatisticsMasterTransitions", Syntax: Counter32},
				{Number: 2, Name: "vrrpv3StatisticsNewMasterReason", Syntax: Enumeration, Values: "notMaster(0), priority(1), preempted(2), masterNoResponse(3)"},
				{Number: 3, Name: "vrrpv3StatisticsRcvdAdvertisements", Syntax: Counter64},
				{Number: 4, Name: "vrrpv3StatisticsAdvIntervalErrors", Syntax: Counter64},
				{Number: 5, Name: "vrrpv3StatisticsIpTtlErrors", Syntax: Counter64},
				{Number: 6, Name: "vrrpv3StatisticsProtoErrReason", Syntax: Enumeration, Values: "noError(0), ipTtlError(1), versionError(2), checksumError(3), vrIdError(4)"},
				{Number: 7, Name: "vrrpv3StatisticsRcvdPriZeroPackets", Syntax: Counter64},
				{Number: 8, Name: "vrrpv3StatisticsSentPriZeroPackets", Syntax: Counter64},
				{Number: 9, Name: "vrrpv3StatisticsRcvdInvalidTypePackets", Syntax: Counter64},
				{Number: 10, Name: "vrrpv3StatisticsAddressListErrors", Syntax: Counter64},
				{Number: 11, Name: "vrrpv3StatisticsPacketLengthErrors", Syntax: Counter64},
				{Number: 12, Name: "vrrpv3StatisticsRowDiscontinuityTime", Syntax: TimeStamp},
				{Number: 13, Name: "vrrpv3StatisticsRefreshRate", Syntax: Unsigned32},
			}},
		},
		Notifications: []Notification{
			{Name: "vrrpv3NewMaster", OID: RFC6527 + ".0.1", Objects: []string{"vrrpv3OperationsMasterIpAddr", "vrrpv3StatisticsNewMasterReason"}},
			{Name: "vrrpv3ProtoError", OID: RFC6527 + ".0.2", Objects: []string{"vrrpv3StatisticsProtoErrReason"}},
		},
	}
)
