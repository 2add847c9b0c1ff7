// SipHash-2-4 (J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", 2012), with
// the key of the paper's test vectors. Keys of locks and leases are stored and compared by it, also
// between servers of different releases: it never changes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace interlock {

class SipHash {
  public:
    static std::uint64_t of(const char* data, std::size_t size) {
        SipHash hash;
        const auto* bytes = reinterpret_cast<const unsigned char*>(data);
        std::size_t whole = size & ~std::size_t{7};
        for (std::size_t i = 0; i < whole; i += 8)
            hash.absorb(whole_word(bytes + i));
        hash.absorb(static_cast<std::uint64_t>(size) << 56 |
                    little_endian(bytes + whole, size - whole));
        return hash.finish();
    }

  private:
    static std::uint64_t whole_word(const unsigned char* bytes) {
        std::uint64_t word;
        std::memcpy(&word, bytes, sizeof word);
        return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
    }

    static std::uint64_t little_endian(const unsigned char* bytes, std::size_t count) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < count; i++)
            word |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
        return word;
    }

    void round() {
        v0_ += v1_;
        v2_ += v3_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ = std::rotl(v0_, 32) + v3_;
        v2_ += v1_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v2_ = std::rotl(v2_, 32);
    }

    void absorb(std::uint64_t word) {
        v3_ ^= word;
        round();
        round();
        v0_ ^= word;
    }

    std::uint64_t finish() {
        v2_ ^= 0xff;
        for (int i = 0; i < 4; i++)
            round();
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

    static constexpr std::uint64_t key0 = 0x0706050403020100;
    static constexpr std::uint64_t key1 = 0x0f0e0d0c0b0a0908;

    std::uint64_t v0_ = key0 ^ 0x736f6d6570736575;
    std::uint64_t v1_ = key1 ^ 0x646f72616e646f6d;
    std::uint64_t v2_ = key0 ^ 0x6c7967656e657261;
    std::uint64_t v3_ = key1 ^ 0x7465646279746573;
};

}  // namespace interlock
