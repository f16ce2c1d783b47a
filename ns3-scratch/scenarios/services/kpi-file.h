// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_SERVICES_KPI_FILE_H
#define QNTN_SCENARIOS_SERVICES_KPI_FILE_H

#include "bridge/bridge.h"
#include "ran/ran-kpis.h"

#include <fstream>
#include <string>

namespace qntn
{

/// The parameter kpi_csv: where the radio's key figures of an episode are written when it ends.
class KpiFile
{
  public:
    /// Before Bridge::Open: a file that cannot be written is an error of the parameter.
    explicit KpiFile(Bridge& bridge)
    {
        m_path = bridge.TextParameter(
            "kpi_csv",
            {},
            "file for key figures of the radio by user, slice, cell and provider; empty: none");
        // looked at without touching it: the next episode's simulator is ready while this one
        // writes
        if (IsAsked() && !std::ofstream(m_path, std::ios::binary | std::ios::app))
        {
            bridge.Refuse("kpi_csv: found '" + m_path +
                          "', expected a file in a folder that exists and can be written");
        }
    }

    bool IsAsked() const
    {
        return !m_path.empty();
    }

    /// Of the whole episode, its warm-up included.
    void Write(const RanKpis& kpis)
    {
        std::ofstream out(m_path, std::ios::binary);
        kpis.WriteCsv(out);
    }

  private:
    std::string m_path;
};

} // namespace qntn

#endif // QNTN_SCENARIOS_SERVICES_KPI_FILE_H
