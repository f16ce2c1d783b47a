// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/kme-message.h"

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(KmeHeader);

TypeId
KmeHeader::GetTypeId()
{
    static TypeId tid = TypeId("qntn::KmeHeader")
                            .SetParent<Header>()
                            .SetGroupName("Qntn")
                            .AddConstructor<KmeHeader>();
    return tid;
}

TypeId
KmeHeader::GetInstanceTypeId() const
{
    return GetTypeId();
}

uint32_t
KmeHeader::GetSerializedSize() const
{
    return 1 + 3 * 4 + 4 * 8 + 2 * 4;
}

void
KmeHeader::Serialize(Buffer::Iterator start) const
{
    start.WriteU8(static_cast<uint8_t>(message.type));
    start.WriteHtonU32(message.link);
    start.WriteHtonU32(message.hop);
    start.WriteHtonU32(message.origin);
    start.WriteHtonU64(message.object);
    start.WriteHtonU64(message.bits);
    start.WriteHtonU64(message.hash);
    start.WriteHtonU64(number);
    start.WriteHtonU32(part);
    start.WriteHtonU32(numParts);
}

uint32_t
KmeHeader::Deserialize(Buffer::Iterator start)
{
    message.type = static_cast<KmeMessageType>(start.ReadU8());
    message.link = start.ReadNtohU32();
    message.hop = start.ReadNtohU32();
    message.origin = start.ReadNtohU32();
    message.object = start.ReadNtohU64();
    message.bits = start.ReadNtohU64();
    message.hash = start.ReadNtohU64();
    number = start.ReadNtohU64();
    part = start.ReadNtohU32();
    numParts = start.ReadNtohU32();
    return GetSerializedSize();
}

void
KmeHeader::Print(std::ostream& os) const
{
    os << "type " << static_cast<int>(message.type) << " object " << message.object << " bits "
       << message.bits << " part " << part << "/" << numParts;
}

} // namespace qntn
