// RFC 3261 section 10.3 steps 6 and 7.
//
// Theory of operation. The contacts are read in four passes over small fixed arrays; the first fault in any pass
// refuses the whole request, so nothing is ever half applied.
//
//   1. check    every field: lengths, syntax, the interval that would be granted
//   2. match    every contact with the binding of the same URI (octets first, then section 19.1.4)
//   3. replace  contacts with an instance take over that instance's old bindings (RFC 5626)
//   4. decide   ordering, then the changes, then the limit on contacts
//
// Ordering within one Call-ID: a CSeq below the binding's is late and refused. An *equal* CSeq can only be a repeat of
// the request that was performed, since no two requests of a Call-ID share a CSeq. A repeat finds the world as that
// request left it: each contact that it registers is bound under this Call-ID and CSeq, and each that it removes is
// bound no more, or was bound again since (removed bindings carry no CSeq, which is what RemovalNotes are for). Then it
// is accepted and changes nothing. A request that claims the CSeq but finds anything else is not the repeat: refused as
// out of order.

#include "registrar/registrar.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "sip/uri.hpp"

namespace sr::registrar {
namespace {

using sip::BindingAction;
using sip::BindingChange;
using sip::BindingView;
using sip::kMostContacts;
using sip::RegisterOutcome;
using sip::RegisterRequest;
using sip::RejectReason;
using sip::RemovalNote;
using sip::RequestedContact;
using sip::Uri;

constexpr std::uint8_t kNone = 0xFF;
constexpr std::uint32_t kLongestBriefInterval_s = 3600;  // section 10.3 step 7: from an hour on, 423 is not allowed

/// What a Call-ID's CSeq says about the request as a whole.
enum class Order : std::uint8_t { fresh, repeat, late };

bool is_of_call(const BindingView& binding, const RegisterRequest& request) noexcept {
    return binding.call_id == request.call_id;
}

Order order_by_notes(const RegisterRequest& request, std::span<const RemovalNote> removals) noexcept {
    if (removals.empty()) return Order::fresh;
    const std::uint64_t hash = call_id_hash(request.call_id);
    Order order = Order::fresh;
    for (const RemovalNote& note : removals) {
        if (note.call_id_hash != hash) continue;
        if (request.cseq < note.cseq) return Order::late;
        if (request.cseq == note.cseq) order = Order::repeat;
    }
    return order;
}

/// RFC 5626 section 4.1: instances compare as URNs do; those of UUIDs ignore case.
bool is_same_instance(std::string_view a, std::string_view b) noexcept {
    if (a == b) return true;
    if (a.size() != b.size()) return false;
    const auto uuid = sip::Uuid::parse(a);
    return uuid && uuid == sip::Uuid::parse(b);
}

/// A Path is given back as it came: it may be folded (section 7.3.1), but must not end its header line.
bool is_header_text(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char next = i + 1 < text.size() ? text[i + 1] : '\0';
        if (text[i] == '\0' || (text[i] == '\r' && next != '\n')) return false;
        if (text[i] == '\n' && next != ' ' && next != '\t') return false;
    }
    return true;
}

/// It is given back between quotes and angle brackets.
bool is_instance_text(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c > 0x20 && c < 0x7F && c != '"' && c != '\\' && c != '<' && c != '>'; });
}

/// Writes into the one outcome, which is too large to be handed from function to function at this rate.
class Decision {
  public:
    Decision(const RegisterRequest& request, std::span<const BindingView> bindings,
             std::span<const RemovalNote> removals, const Policy& policy, RegisterOutcome& outcome) noexcept
        : request_(request), bindings_(bindings), removals_(removals), policy_(policy), outcome_(outcome) {}

    void decide() noexcept {
        if (!is_request_sound()) return;
        if (request_.is_star) return remove_all();
        if (request_.contacts.empty() || !are_contacts_sound()) return;
        match_by_uri();
        replace_by_instance();
        switch (order_of_contacts()) {
            case Order::late: refuse(RejectReason::out_of_order); break;
            case Order::repeat: break;
            case Order::fresh: change(); break;
        }
    }

  private:
    /// What becomes of one contact. Without initial values: are_contacts_sound writes as many as there are.
    struct Slot {
        std::uint32_t expires_s;
        std::uint8_t binding;
        bool is_moved;       // matched by its instance, not by its URI
        bool is_superseded;  // a later contact of the request is equal
    };

    /// False, so that a check can end with it.
    bool refuse(RejectReason reason, std::string_view detail = {}) noexcept {
        outcome_.reason = reason;
        outcome_.detail = detail;
        outcome_.changes.clear();
        return false;
    }

    bool is_request_sound() noexcept {
        if (request_.call_id.empty()) return refuse(RejectReason::malformed, "Call-ID is empty");
        if (request_.call_id.size() > policy_.max_field_length) return refuse(RejectReason::field_too_long, "Call-ID");
        if (request_.path.size() > policy_.max_path_length) return refuse(RejectReason::field_too_long, "Path");
        if (!is_header_text(request_.path)) return refuse(RejectReason::malformed, "Path");
        if (request_.contacts.size() > kMostContacts || bindings_.size() > kMostContacts) {
            return refuse(RejectReason::too_many_contacts);
        }
        const bool is_star_sound = request_.contacts.empty() && request_.expires_s == 0U;
        return !request_.is_star || is_star_sound || refuse(RejectReason::star_not_alone);
    }

    void remove_all() noexcept {
        const bool has_newer = std::any_of(bindings_.begin(), bindings_.end(), [this](const BindingView& binding) {
            return is_of_call(binding, request_) && binding.cseq >= request_.cseq;
        });
        const Order order = order_by_notes(request_, removals_);
        if (has_newer || order == Order::late) {
            refuse(RejectReason::out_of_order);
        } else if (order == Order::fresh) {
            for (std::size_t b = 0; b < bindings_.size(); ++b) outcome_.changes.push(removal(b, false));
        }
    }

    /// Pass 1. A contact that is bound octet for octet was understood when it was bound.
    bool are_contacts_sound() noexcept {
        for (std::size_t i = 0; i < request_.contacts.size(); ++i) {
            const RequestedContact& contact = request_.contacts[i];
            Slot& slot = slots_[i];
            slot = {.expires_s = 0, .binding = find_exact(contact.uri), .is_moved = false, .is_superseded = false};
            if (slot.binding == kNone) {
                if (contact.uri.size() > policy_.max_uri_length) return refuse(RejectReason::field_too_long, "Contact");
                if (!Uri::parse(contact.uri)) return refuse(RejectReason::contact_invalid, contact.uri);
            }
            if (contact.instance.size() > policy_.max_field_length) {
                return refuse(RejectReason::field_too_long, "+sip.instance");
            }
            if (!is_instance_text(contact.instance)) return refuse(RejectReason::malformed, "+sip.instance");
            if (!grant(contact, slot.expires_s)) {
                outcome_.min_expires_s = policy_.min_expires_s;
                return refuse(RejectReason::brief_interval);
            }
        }
        drop_superseded();
        return true;
    }

    /// Step 7: the parameter, else the header, else the default; then within the limits. 0 stays 0. False: too brief.
    bool grant(const RequestedContact& contact, std::uint32_t& expires_s) const noexcept {
        const std::uint32_t header_s = request_.expires_s.value_or(policy_.default_expires_s);
        const std::uint32_t wanted_s = contact.expires_s.value_or(header_s);
        expires_s = std::min(wanted_s, policy_.max_expires_s);
        if (wanted_s == 0 || expires_s >= policy_.min_expires_s) return true;
        if (policy_.below_minimum == BelowMinimum::reject) return wanted_s >= kLongestBriefInterval_s;
        expires_s = policy_.min_expires_s;
        return true;
    }

    /// The RFC is silent about one URI twice in a request; the last one says what its sender wants in the end.
    void drop_superseded() noexcept {
        for (std::size_t i = 0; i + 1 < request_.contacts.size(); ++i) {
            for (std::size_t j = i + 1; j < request_.contacts.size() && !slots_[i].is_superseded; ++j) {
                slots_[i].is_superseded = sip::are_equal(request_.contacts[i].uri, request_.contacts[j].uri);
            }
        }
    }

    std::uint8_t find_exact(std::string_view uri) const noexcept {
        for (std::size_t i = 0; i < bindings_.size(); ++i) {
            if (bindings_[i].contact_uri == uri) return static_cast<std::uint8_t>(i);
        }
        return kNone;
    }

    /// Pass 2. Equality is not transitive, so two contacts may equal one binding: the exact one has it, else the first.
    void match_by_uri() noexcept {
        for_each_contact([this](Slot& slot, const RequestedContact&) {
            if (slot.binding != kNone) claim(slot.binding);
        });
        for_each_contact([this](Slot& slot, const RequestedContact& contact) {
            if (slot.binding != kNone || are_all_claimed()) return;
            const auto wanted = Uri::parse(contact.uri);
            for (std::size_t b = 0; b < bindings_.size() && slot.binding == kNone; ++b) {
                if (is_claimed(b)) continue;
                const auto bound = Uri::parse(bindings_[b].contact_uri);
                if (!wanted || !bound || !sip::are_equal(*wanted, *bound)) continue;
                slot.binding = static_cast<std::uint8_t>(b);
                claim(b);
            }
        });
    }

    /// Pass 3. The first binding of the instance moves to the contact, any further ones go. Removals take what is left.
    void replace_by_instance() noexcept {
        for (const bool is_removal : {false, true}) {
            for_each_contact([this, is_removal](Slot& slot, const RequestedContact& contact) {
                if (!contact.instance.empty() && (slot.expires_s == 0) == is_removal) take_over(slot, contact);
            });
        }
    }

    void take_over(Slot& slot, const RequestedContact& contact) noexcept {
        for (std::size_t b = 0; b < bindings_.size(); ++b) {
            if (is_claimed(b) || !is_same_flow(bindings_[b], contact, slot)) continue;
            claim(b);
            if (slot.binding == kNone) {
                slot.binding = static_cast<std::uint8_t>(b);
                slot.is_moved = true;
            } else {
                replaced_ |= bit(b);
            }
        }
    }

    /// Whether the contact stands in the place of an instance's binding with another URI. A removal does only where RFC
    /// 5626 makes (instance, reg-id) the binding's name: a phone that cleans up its old contact after it registered the
    /// new one would otherwise take itself off.
    static bool is_same_flow(const BindingView& binding, const RequestedContact& contact, const Slot& slot) noexcept {
        if (binding.instance.empty() || !is_same_instance(binding.instance, contact.instance)) return false;
        if (slot.expires_s == 0) {
            return slot.binding == kNone && contact.reg_id != 0 && contact.reg_id == binding.reg_id;
        }
        // Where one side has no reg-id the device has one flow, and this is its newest.
        return contact.reg_id == 0 || binding.reg_id == 0 || contact.reg_id == binding.reg_id;
    }

    /// Pass 4, first half. Every binding that the request touches is asked, those of the replaced instance too.
    Order order_of_contacts() noexcept {
        const Order by_notes = order_by_notes(request_, removals_);
        if (by_notes == Order::late) return Order::late;
        if (by_notes == Order::repeat) return is_as_left(true) ? Order::repeat : Order::late;
        bool is_repeat = false;
        for (std::size_t b = 0; b < bindings_.size(); ++b) {
            if (!is_of_call(bindings_[b], request_)) continue;
            if (is_claimed(b) && bindings_[b].cseq > request_.cseq) return Order::late;
            is_repeat = is_repeat || bindings_[b].cseq == request_.cseq;
        }
        if (!is_repeat) return Order::fresh;
        return is_as_left(false) ? Order::repeat : Order::late;
    }

    /// Whether the bindings are as this very request left them. A removal that was noted was performed, and what is
    /// bound there now came later.
    bool is_as_left(bool is_removal_noted) noexcept {
        bool is_whole = replaced_ == 0;
        for_each_contact([&](const Slot& slot, const RequestedContact&) {
            const bool is_bound = slot.binding != kNone;
            const bool is_done = slot.expires_s == 0 ? is_removal_noted || !is_bound
                                                     : is_bound && !slot.is_moved && is_bound_by_this(slot.binding);
            is_whole = is_whole && is_done;
        });
        return is_whole;
    }

    bool is_bound_by_this(std::uint8_t b) const noexcept {
        return is_of_call(bindings_[b], request_) && bindings_[b].cseq == request_.cseq;
    }

    /// Pass 4, second half.
    void change() noexcept {
        std::size_t bound = bindings_.size();
        bool is_growing = false;
        for (std::size_t b = 0; b < bindings_.size() && replaced_ != 0; ++b) {
            if ((replaced_ & bit(b)) == 0) continue;
            outcome_.changes.push(removal(b, true));
            --bound;
        }
        for (std::size_t i = 0; i < request_.contacts.size(); ++i) {
            const Slot& slot = slots_[i];
            const bool is_new = slot.binding == kNone;
            if (slot.is_superseded || (is_new && slot.expires_s == 0)) continue;
            if (slot.expires_s == 0) {
                outcome_.changes.push(removal(slot.binding, false));
                --bound;
                continue;
            }
            outcome_.changes.push({.action = is_new ? BindingAction::add : BindingAction::update,
                                   .binding = is_new ? std::uint8_t{0} : slot.binding,
                                   .contact = static_cast<std::uint8_t>(i),
                                   .expires_s = slot.expires_s});
            bound += is_new ? 1 : 0;
            is_growing = is_growing || is_new;
        }
        // A limit that was lowered below what is bound must not keep those from being refreshed.
        const std::size_t limit = std::min<std::size_t>(policy_.max_contacts, kMostContacts);
        if (is_growing && bound > limit) refuse(RejectReason::too_many_contacts);
    }

    static BindingChange removal(std::size_t binding, bool is_replacement) noexcept {
        return {.action = BindingAction::remove,
                .is_replacement = is_replacement,
                .binding = static_cast<std::uint8_t>(binding)};
    }

    template <class Visit>
    void for_each_contact(Visit visit) noexcept {
        for (std::size_t i = 0; i < request_.contacts.size(); ++i) {
            if (!slots_[i].is_superseded) visit(slots_[i], request_.contacts[i]);
        }
    }

    static std::uint64_t bit(std::size_t b) noexcept { return std::uint64_t{1} << b; }
    void claim(std::size_t b) noexcept { claimed_ |= bit(b); }
    bool is_claimed(std::size_t b) const noexcept { return (claimed_ & bit(b)) != 0; }
    bool are_all_claimed() const noexcept { return claimed_ == bit(bindings_.size()) - 1; }

    const RegisterRequest& request_;
    std::span<const BindingView> bindings_;
    std::span<const RemovalNote> removals_;
    const Policy& policy_;
    RegisterOutcome& outcome_;
    std::uint64_t claimed_ = 0;   // bindings that a contact of the request stands for
    std::uint64_t replaced_ = 0;  // those of them that go without a contact of their own
    std::array<Slot, kMostContacts> slots_;
};

}  // namespace

RegisterOutcome process(const RegisterRequest& request, std::span<const BindingView> bindings,
                        std::span<const RemovalNote> removals, const Policy& policy) noexcept {
    RegisterOutcome outcome;
    Decision(request, bindings, removals, policy, outcome).decide();
    return outcome;
}

std::uint64_t call_id_hash(std::string_view call_id) noexcept { return std::hash<std::string_view>{}(call_id); }

}  // namespace sr::registrar
