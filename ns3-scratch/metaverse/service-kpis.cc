// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/service-kpis.h"

namespace qntn
{

void
NameKpis(RanKpis& kpis, const std::string& of, std::span<const char* const> names)
{
    for (uint32_t i = 0; i < names.size(); ++i)
    {
        kpis.SetName(of, i, names[i]);
    }
}

std::unique_ptr<RanKpis>
MakeServiceKpis(ns3::Ptr<const RanNetwork> ran,
                const ServiceNetwork& services,
                std::span<const char* const> sliceNames,
                std::span<const char* const> providerNames,
                std::span<const char* const> cellNames)
{
    auto kpis = std::make_unique<RanKpis>(std::move(ran));
    for (uint32_t f = 0; f < services.GetNumFlows(); ++f)
    {
        const auto& flow = services.GetFlow(f);
        kpis->AddFlow(f, flow.user, flow.slice, flow.budget, DOWNLINK);
        kpis->AddGroup(f, "provider", flow.provider);
    }
    NameKpis(*kpis, "slice", sliceNames);
    NameKpis(*kpis, "provider", providerNames);
    NameKpis(*kpis, "cell", cellNames);
    return kpis;
}

} // namespace qntn
