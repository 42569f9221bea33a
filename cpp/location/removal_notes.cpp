#include "location/removal_notes.hpp"

#include <algorithm>

namespace sr::location {
namespace {

bool is_stale(const sip::RemovalNote& note, base::TimeMs now_ms) noexcept {
    return note.at_ms + kRemovalNoteLife_ms <= now_ms;
}

}  // namespace

std::uint32_t RemovalNotes::index_of(std::string_view aor_key, std::uint32_t tag) const noexcept {
    return table_.find(tag, [&](std::uint32_t index) { return records_[index].aor_key == aor_key; });
}

void RemovalNotes::add(std::string_view aor_key, std::uint32_t tag, const sip::RemovalNote& note) {
    if (timers_.size() >= kMostNotesOfShard) end_first();
    std::uint32_t index = index_of(aor_key, tag);
    if (index == kNoIndex) {
        index = records_.take();
        table_.insert(tag, index);
        records_[index].aor_key = aor_key;
        records_[index].tag = tag;
        records_[index].count = 0;
    }
    Record& record = records_[index];
    const bool is_known = record.count > 0 && record.notes[record.count - 1].call_id_hash == note.call_id_hash &&
                          record.notes[record.count - 1].cseq == note.cseq;
    if (is_known) return;  // one request that removed several bindings has one note
    if (record.count == kMostRemovalNotes) {
        std::rotate(record.notes.begin(), record.notes.begin() + 1, record.notes.end());
        --record.count;
    }
    record.notes[record.count++] = note;
    timers_.push_back({note.at_ms + kRemovalNoteLife_ms, index});
}

std::span<const sip::RemovalNote> RemovalNotes::find(std::string_view aor_key, std::uint32_t tag,
                                                     base::TimeMs now_ms) noexcept {
    if (records_.size() == 0) return {};
    const std::uint32_t index = index_of(aor_key, tag);
    if (index == kNoIndex) return {};
    const Record& record = records_[index];
    std::span<const sip::RemovalNote> notes(record.notes.data(), record.count);
    while (!notes.empty() && is_stale(notes.front(), now_ms)) notes = notes.subspan(1);
    return notes;
}

void RemovalNotes::advance(base::TimeMs now_ms) noexcept {
    while (!timers_.empty() && timers_.front().due_ms <= now_ms) end_first();
}

void RemovalNotes::end_first() noexcept {
    const Timer timer = timers_.front();
    timers_.pop_front();
    Record& record = records_[timer.index];
    const bool is_free = record.count == 0;
    if (is_free || !is_stale(record.notes[record.count - 1], timer.due_ms)) return;
    table_.erase(record.tag, timer.index);
    record.aor_key = {};
    record.count = 0;
    records_.give_back(timer.index);
}

}  // namespace sr::location
