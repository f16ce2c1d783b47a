// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/urllc-source.h"

#include "ns3/uinteger.h"

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(UrllcSource);

TypeId
UrllcSource::GetTypeId()
{
    static TypeId tid = TypeId("qntn::UrllcSource")
                            .SetParent<TrafficSource>()
                            .SetGroupName("Metaverse")
                            .AddConstructor<UrllcSource>()
                            .AddAttribute("PacketBytes",
                                          "Size of a sample.",
                                          UintegerValue(32),
                                          MakeUintegerAccessor(&UrllcSource::m_bytes),
                                          MakeUintegerChecker<uint32_t>(1, 1400))
                            .AddAttribute("Period",
                                          "Time between two samples.",
                                          TimeValue(MilliSeconds(1)),
                                          MakeTimeAccessor(&UrllcSource::m_period),
                                          MakeTimeChecker(MicroSeconds(1)));
    return tid;
}

UrllcSource::UrllcSource() : m_phase(CreateObject<UniformRandomVariable>())
{
}

double
UrllcSource::GetNominalRateBps() const
{
    return 8.0 * m_bytes / m_period.GetSeconds();
}

int64_t
UrllcSource::AssignStreams(int64_t stream)
{
    m_phase->SetStream(stream);
    return 1;
}

Time
UrllcSource::DrawArrival(Time now)
{
    if (!m_started)
    {
        m_started = true;
        return now + Seconds(m_phase->GetValue(0, m_period.GetSeconds()));
    }
    return now + m_period;
}

uint32_t
UrllcSource::DrawBytes()
{
    return m_bytes;
}

} // namespace qntn
