// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_SERVICE_KPIS_H
#define QNTN_METAVERSE_SERVICE_KPIS_H

#include "metaverse/service-network.h"
#include "ran/ran-kpis.h"

#include <memory>
#include <span>

namespace qntn
{

/// Key figures of the radio under a service: by user, slice of the service, cell and provider. They
/// count from when a packet was made, edge server and SAE included, but only what came to the
/// radio.
std::unique_ptr<RanKpis> MakeServiceKpis(ns3::Ptr<const RanNetwork> ran,
                                         const ServiceNetwork& services,
                                         std::span<const char* const> sliceNames,
                                         std::span<const char* const> providerNames,
                                         std::span<const char* const> cellNames);

/// Names the rows of slices, providers or cells.
void NameKpis(RanKpis& kpis, const std::string& of, std::span<const char* const> names);

} // namespace qntn

#endif // QNTN_METAVERSE_SERVICE_KPIS_H
