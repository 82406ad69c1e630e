#include "probe/guard.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

struct Row {
    const char* address;
    AddressKind kind;
};

TEST(Guard, SortsAddressesByTheSpecialPurposeRegistries) {
    using Kind = AddressKind;
    const Row rows[] = {{"1.1.1.1", Kind::public_internet},
                        {"172.15.255.255", Kind::public_internet},
                        {"172.32.0.0", Kind::public_internet},
                        {"100.63.255.255", Kind::public_internet},
                        {"2606:4700::1", Kind::public_internet},
                        {"64:ff9b::101:101", Kind::public_internet},
                        {"127.0.0.1", Kind::loopback},
                        {"127.255.255.254", Kind::loopback},
                        {"::1", Kind::loopback},
                        {"10.1.2.3", Kind::private_network},
                        {"172.16.0.1", Kind::private_network},
                        {"172.31.255.255", Kind::private_network},
                        {"192.168.1.1", Kind::private_network},
                        {"fd12:3456::1", Kind::private_network},
                        {"fc00::1", Kind::private_network},
                        {"fec0::1", Kind::private_network},
                        {"100.64.0.1", Kind::shared_network},
                        {"100.127.255.255", Kind::shared_network},
                        {"169.254.1.1", Kind::link_local},
                        {"fe80::1", Kind::link_local},
                        {"169.254.169.254", Kind::metadata},
                        {"100.100.100.200", Kind::metadata},
                        {"fd00:ec2::254", Kind::metadata},
                        {"192.0.2.1", Kind::documentation},
                        {"198.18.0.1", Kind::documentation},
                        {"198.51.100.1", Kind::documentation},
                        {"203.0.113.1", Kind::documentation},
                        {"198.19.255.255", Kind::documentation},
                        {"198.20.0.0", Kind::public_internet},
                        {"198.17.255.255", Kind::public_internet},
                        {"192.0.3.0", Kind::public_internet},
                        {"192.88.99.1", Kind::unusable},
                        {"192.0.0.8", Kind::unusable},
                        {"168.63.129.16", Kind::metadata},
                        {"192.0.0.192", Kind::metadata},
                        {"169.254.170.2", Kind::metadata},
                        {"169.254.170.23", Kind::metadata},
                        {"239.255.255.255", Kind::multicast},
                        {"223.255.255.255", Kind::public_internet},
                        {"3fff::1", Kind::documentation},
                        {"3fff:fff::1", Kind::documentation},
                        {"3fff:1000::1", Kind::public_internet},
                        {"2001:2::1", Kind::documentation},
                        {"2001:1::1", Kind::unusable},
                        {"2001:20::1", Kind::unusable},
                        {"2001:1ff::1", Kind::unusable},
                        {"2001:200::1", Kind::public_internet},
                        {"2001:4860:4860::8888", Kind::public_internet},
                        {"100::1", Kind::unusable},
                        {"5f00::1", Kind::unusable},
                        {"febf::1", Kind::link_local},
                        {"fdff::1", Kind::private_network},
                        {"::ffff:0:7f00:1", Kind::translated},
                        {"64:ff9b:1:7f00:0:1::", Kind::translated},
                        {"64:ff9b::a9fe:a9fe", Kind::translated},
                        {"64:ff9b::a00:1", Kind::translated},
                        {"64:ff9b::ffff:ffff", Kind::translated},
                        {"2002:101:101::1", Kind::translated},
                        {"2001:db8::1", Kind::documentation},
                        {"3fff::1", Kind::documentation},
                        {"3fff:fff:ffff::1", Kind::documentation},
                        {"3fff:1000::1", Kind::public_internet},
                        {"224.0.0.1", Kind::multicast},
                        {"ff02::1", Kind::multicast},
                        {"0.0.0.0", Kind::unusable},
                        {"0.1.2.3", Kind::unusable},
                        {"255.255.255.255", Kind::unusable},
                        {"240.0.0.1", Kind::unusable},
                        {"::", Kind::unusable},
                        {"4000::1", Kind::unusable},
                        {"::ffff:127.0.0.1", Kind::translated},
                        {"::ffff:1.1.1.1", Kind::translated},
                        {"::127.0.0.1", Kind::translated},
                        {"64:ff9b::7f00:1", Kind::translated},
                        {"64:ff9b:1::1", Kind::translated},
                        {"2002:7f00:1::1", Kind::translated},
                        {"2001::1", Kind::translated}};
    for (const auto& row : rows)
        EXPECT_EQ(name_of(kind_of(boost::asio::ip::make_address(row.address))), name_of(row.kind))
            << row.address;
}

TEST(Guard, LoopbackIsOpenOnlyByPolicyAndOnlyWhereTheUrlSaysSo) {
    const GuardPolicy agent{};
    const GuardPolicy one_shot{true, false};
    EXPECT_FALSE(may_connect(AddressKind::loopback, agent, true));
    EXPECT_TRUE(may_connect(AddressKind::loopback, one_shot, true));
    EXPECT_FALSE(may_connect(AddressKind::loopback, one_shot, false));
    EXPECT_FALSE(may_connect(AddressKind::private_network, one_shot, true));
    EXPECT_FALSE(may_connect(AddressKind::translated, one_shot, true));
}

TEST(Guard, AllowPrivateNeverOpensMulticastOrReserved) {
    const GuardPolicy open{false, true};
    EXPECT_TRUE(may_connect(AddressKind::loopback, open, false));
    EXPECT_TRUE(may_connect(AddressKind::shared_network, open, false));
    EXPECT_FALSE(may_connect(AddressKind::multicast, open, true));
    EXPECT_FALSE(may_connect(AddressKind::unusable, open, true));
}

TEST(Guard, KeepsThePermittedAddressesInTheirOrder) {
    using boost::asio::ip::make_address;
    const auto kept = permitted({make_address("10.0.0.1"),
                                 make_address("8.8.8.8"),
                                 make_address("127.0.0.1"),
                                 make_address("1.1.1.1")},
                                GuardPolicy{},
                                false);
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_EQ(kept[0].to_string(), "8.8.8.8");
    EXPECT_EQ(kept[1].to_string(), "1.1.1.1");
}

}  // namespace
}  // namespace quorate
