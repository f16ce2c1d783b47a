// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/traffic-source.h"

#include "ns3/simulator.h"

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(TrafficSource);

TypeId
TrafficSource::GetTypeId()
{
    static TypeId tid = TypeId("qntn::TrafficSource").SetParent<Object>().SetGroupName("Metaverse");
    return tid;
}

void
TrafficSource::SetOutputCallback(BurstCallback output)
{
    m_output = output;
}

void
TrafficSource::Start()
{
    NS_ABORT_MSG_IF(m_output.IsNull(),
                    "TrafficSource::Start: no output; call SetOutputCallback before");
    const Time now = Simulator::Now();
    m_next = Simulator::Schedule(DrawArrival(now) - now, &TrafficSource::Emit, this);
}

void
TrafficSource::SetAdmission(double)
{
}

double
TrafficSource::GetQuality() const
{
    return 1;
}

void
TrafficSource::Emit()
{
    const Time now = Simulator::Now();
    m_next = Simulator::Schedule(DrawArrival(now) - now, &TrafficSource::Emit, this);
    if (const uint32_t bytes = DrawBytes(); bytes > 0)
    {
        m_output(bytes);
    }
}

void
TrafficSource::DoDispose()
{
    m_next.Cancel();
    m_output.Nullify();
    Object::DoDispose();
}

} // namespace qntn
