/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "crypto/account-key.h"
#include "crypto/key.h"

/* The key of RFC 7638 section 3.1, of which RFC 7517 appendix A.2 has the private half. */
static const char key_7638[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDS/HtqCh5sZxBK\n"
                               "64+Isldmm032ed2tCZtcSmzZqIAVtaEzvwuFbHhxtt8AC1VPzrPC7VErto8UXG6E\n"
                               "NHUvq1Khz8EkQI95tYpFeMFkKIVXifeiSeOEyy2fri1n/Zb7kmwZjgdzmf3IFcCv\n"
                               "CX3eWq3v9E3nDoJ/SHhDJDm/7rlgaNBHT8UNbZC/OpjfrxBAyJwC1pKrOzwolmCd\n"
                               "hv1zt3TOB0BkfO7qoxC9EvmFqOufWf3UJs6lshIPTyo0vKt2S35sVNaEAji8xAWH\n"
                               "pZ5m7R8ziUV3Y1xHCvdc+Swg0dpD4b/EGeIipvDQuzWMXjj5ywUK6v6QSBTxrBqk\n"
                               "nMqeoMqDAgMBAAECggEAX4cTteJY/gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoV\n"
                               "H+HLLKD9M7dx5oo7GURknchnrRweUkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT\n"
                               "0/YSfqijwp3RTzlBaCxWp4doFk5N2o8Gy/nHNKroADIkJ46pRUohsXywbReAdYaM\n"
                               "wFs9tv8d/cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2j\n"
                               "x4IBTNBznbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL+Us2lG\n"
                               "VkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8QKBgQDzeL7si8wZegxcKyS/\n"
                               "vdMqvzrfsWI7tnbvO/yiPqltZRDIs9AFDG09WfAPbRH7rR5MOYPa6Ocy3k+ioyub\n"
                               "xF+Y2FVYO2OMyYIyM6lJeJwUePtc65UhhDKpVaVYSHp03foZVliT3c3wFz29jjXH\n"
                               "LwH1HPM4ZVDNe80S+fs7SdVt+wKBgQDd185H1y5ir7RL6aQUvOAi2AwR8XMHareF\n"
                               "Z6Ey4bSgK6qdve+hsvK6aqNVlA7V0it3CBOcJ2ljMFw59bmvfvQAVeOJZ+380YSK\n"
                               "i+ieLOEqmj1VVLvxPMWDGQh2t5xF7Oxn7WRh3+zWoNvG2QMSB8AhMAb0tScAO6fi\n"
                               "8hxvrJ6XGQKBgBuLD15HOmGvcvKCVvfyC4+MbqabtJc4vx+1U5EvMY+UnV93KBNK\n"
                               "IpmMMSItnpkwLntFDmuXaYBRsgSeHPLUNlReNNl0boCg0z/GpGIRaObQAO+0HvzZ\n"
                               "rbmGXNwt5tyNuBthr0ebEg8VMgDds6vC35/RFJrOq2Nzm/GHoipE4gY9AoGBALPZ\n"
                               "QB/X4IAbKBUfDmnNkfxNoMNvNq09pBjgIbyJZRExNXn6wOoblFLzHwXDKZ/Janlu\n"
                               "r8852GOUkkBe6THQv2oCN5xvCG6dQVG9CVIq2kTalHy4XEG/3fRheA4e3u+Fm0bK\n"
                               "G0aJ7o02DdcQmj+kzutY71q1/i9fLcV8OPeEP3IJAoGAGyM/p6JrXySiz1toFgKb\n"
                               "WV+JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzgUIZEVFEcOqwemRN81zoDAaa+Bk0KWNG\n"
                               "DjJHZDdDmFhW3AN7lI+puxk/mHZGJ11rxyR8O55XLSe3SPmRfKwZI6yU24ZxvQKF\n"
                               "YItdldUKGzO6Ia6zTKhAVRU=\n"
                               "-----END PRIVATE KEY-----\n";

/* The key of RFC 7515 appendix A.2.1. */
static const char key_7515_rsa[] = "-----BEGIN PRIVATE KEY-----\n"
                                   "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO\n"
                                   "jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL\n"
                                   "aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\n"
                                   "juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5\n"
                                   "ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf\n"
                                   "toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\n"
                                   "VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW\n"
                                   "PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G\n"
                                   "O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\n"
                                   "kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6\n"
                                   "XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB\n"
                                   "4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\n"
                                   "pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr\n"
                                   "0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE\n"
                                   "lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6\n"
                                   "kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP\n"
                                   "rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNw\n"
                                   "kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp\n"
                                   "5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2\n"
                                   "9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/\n"
                                   "evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\n"
                                   "yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj\n"
                                   "OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2\n"
                                   "tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3\n"
                                   "ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\n"
                                   "03k2+ZQwVK0JKSHuLFkuQ3U=\n"
                                   "-----END PRIVATE KEY-----\n";

/* The key of RFC 7515 appendix A.3.1. */
static const char key_7515_ec[] = "-----BEGIN PRIVATE KEY-----\n"
                                  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
                                  "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
                                  "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
                                  "-----END PRIVATE KEY-----\n";

static AccountKey *key_of(const char *pem)
{
    AccountKey *k = NULL;

    g_assert_cmpint(account_key_from_pem(pem, &k), ==, 0);
    return k;
}

static void test_thumbprint(void)
{
    _cleanup_account_key_ AccountKey *rsa = key_of(key_7638), *ec = key_of(key_7515_ec);

    g_assert_cmpstr(account_key_thumbprint(rsa), ==, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    g_assert_true(g_str_has_prefix(
        account_key_jwk(rsa), "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmb"));
    g_assert_cmpstr(
        account_key_jwk(ec), ==,
        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
    g_assert_cmpstr(account_key_thumbprint(ec), ==, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
    g_assert_cmpstr(account_key_algorithm(rsa), ==, "RS256");
    g_assert_cmpstr(account_key_algorithm(ec), ==, "ES256");
}

/* RS256 has but one signature for each text. */
static void test_rs256(void)
{
    static const char input[] =
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
        "yb290Ijp0cnVlfQ";
    _cleanup_account_key_ AccountKey *k = key_of(key_7515_rsa);
    _cleanup_free_ char *signature = NULL;

    g_assert_cmpint(account_key_sign(k, input, strlen(input), &signature), ==, 0);
    g_assert_cmpstr(
        signature, ==,
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb"
        "F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383"
        "LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy"
        "wlVmtVrBp0igcN_IoypGlUPQGe77Rw");
}

static bool verify(const AccountKey *k, const void *data, size_t size, const char *signature)
{
    bool rsa = account_key_type(k) >= KEY_TYPE_RSA_2048;
    const EVP_MD *digest = account_key_type(k) == KEY_TYPE_ECDSA_P384 ? EVP_sha384() : EVP_sha256();
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    _cleanup_pkey_ EVP_PKEY *pkey = NULL;
    _cleanup_erase_ char *pem = NULL;
    _cleanup_free_ void *raw = NULL;
    unsigned char *der = NULL;
    size_t n;
    bool good;

    g_assert_cmpint(account_key_to_pem(k, &pem), ==, 0);
    g_assert_cmpint(pkey_from_pem(pem, &pkey), ==, 0);
    g_assert_cmpint(base64url_decode(signature, &raw, &n), ==, 0);
    if (!rsa) {
        ECDSA_SIG *halves = ECDSA_SIG_new();

        g_assert_cmpuint(n, ==, account_key_type(k) == KEY_TYPE_ECDSA_P384 ? 96 : 64);
        ECDSA_SIG_set0(halves, BN_bin2bn(raw, (int)n / 2, NULL),
                       BN_bin2bn((uint8_t *)raw + n / 2, (int)n / 2, NULL));
        n = (size_t)i2d_ECDSA_SIG(halves, &der);
        ECDSA_SIG_free(halves);
    }
    g_assert_cmpint(EVP_DigestVerifyInit(context, NULL, digest, NULL, pkey), ==, 1);
    good = EVP_DigestVerify(context, der ? der : raw, n, data, size) == 1;
    OPENSSL_free(der);
    (void)openssl_error();
    return good;
}

/* Often enough that R and S begin with zeros now and then. */
static void test_sign(gconstpointer data)
{
    KeyType type = (KeyType)GPOINTER_TO_INT(data);
    _cleanup_account_key_ AccountKey *k = NULL, *other = NULL;
    int rounds = type < KEY_TYPE_RSA_2048 ? 600 : 3;

    g_assert_cmpint(account_key_generate(type, &k), ==, 0);
    g_assert_cmpint(account_key_generate(type, &other), ==, 0);
    g_assert_cmpint(account_key_type(k), ==, type);
    g_assert_cmpstr(account_key_thumbprint(k), !=, account_key_thumbprint(other));
    for (int i = 0; i < rounds; i++) {
        _cleanup_free_ char *signature = NULL;

        g_assert_cmpint(account_key_sign(k, &i, sizeof(i), &signature), ==, 0);
        g_assert_true(verify(k, &i, sizeof(i), signature));
        g_assert_false(verify(other, &i, sizeof(i), signature));
    }
}

static void test_pem(void)
{
    for (KeyType type = KEY_TYPE_ECDSA_P256; type < _KEY_TYPE_MAX; type++) {
        _cleanup_account_key_ AccountKey *k = NULL, *again = NULL;
        _cleanup_erase_ char *pem = NULL;
        bool known = type == KEY_TYPE_ECDSA_P256 || type == KEY_TYPE_ECDSA_P384 || type == KEY_TYPE_RSA_2048;

        if (type == KEY_TYPE_RSA_3072 || type == KEY_TYPE_RSA_4096)
            continue;
        g_assert_cmpint(account_key_generate(type, &k), ==, known ? 0 : -EINVAL);
        if (!known)
            continue;
        g_assert_cmpint(account_key_to_pem(k, &pem), ==, 0);
        g_assert_cmpint(account_key_from_pem(pem, &again), ==, 0);
        g_assert_cmpstr(account_key_thumbprint(again), ==, account_key_thumbprint(k));
    }
}

static void test_refused(void)
{
    static const KeyType types[] = { KEY_TYPE_ED25519, KEY_TYPE_ECDSA_P521 };
    AccountKey *k = NULL;

    for (size_t i = 0; i < ELEMENTSOF(types); i++) {
        _cleanup_pkey_ EVP_PKEY *pkey =
            types[i] == KEY_TYPE_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_EC_gen("P-521");
        _cleanup_erase_ char *pem = NULL;

        g_assert_cmpint(pkey_to_pem(pkey, &pem), ==, 0);
        g_assert_cmpint(account_key_from_pem(pem, &k), ==, -EINVAL);
    }
    g_assert_cmpint(account_key_from_pem("", &k), ==, -EINVAL);
    g_assert_cmpint(
        account_key_from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", &k), ==,
        -EINVAL);
    g_assert_null(k);
}

static void test_mac(void)
{
    /* RFC 4231 section 4.3 */
    static const char secret[] = "Jefe", text[] = "what do ya want for nothing?";
    static const char *const expected[_MAC_ALGORITHM_MAX] = {
        [MAC_HS256] = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM",
        [MAC_HS384] = "r0XS43ZIQDFhf3jStYprG5x-9GT1oBtH5C7Dc2MiRF6OIkDKXmnix4syOez6shZJ",
        [MAC_HS512] =
            "Fkt6e_z4GeLjlfvnO1bgo4e9ZCIugx_WECcM1-olBVSXWL91wFqZSm0DT2X48Ob9yuqxo01Ka0tjbgcKOLznNw",
    };
    char *mac = NULL;

    for (MacAlgorithm a = 0; a < _MAC_ALGORITHM_MAX; a++) {
        g_assert_cmpint(mac_sign(a, secret, strlen(secret), text, strlen(text), &mac), ==, 0);
        g_assert_cmpstr(mac, ==, expected[a]);
        free(TAKE_PTR(mac));
    }
    g_assert_cmpint(mac_sign(MAC_HS256, secret, 0, text, strlen(text), &mac), ==, -EINVAL);
    g_assert_cmpint(mac_sign(_MAC_ALGORITHM_MAX, secret, 1, text, strlen(text), &mac), ==, -EINVAL);
    g_assert_null(mac);
}

/* RFC 7515 appendix A.1: the secret is base64url as authorities hand it out. */
static void test_mac_of_jws(void)
{
    static const char text[] =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9"
        "leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    _cleanup_free_ void *secret = NULL;
    _cleanup_free_ char *mac = NULL;
    size_t size;

    g_assert_cmpint(
        base64url_decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z"
                         "9CAow",
                         &secret, &size),
        ==, 0);
    g_assert_cmpint(mac_sign(MAC_HS256, secret, size, text, strlen(text), &mac), ==, 0);
    g_assert_cmpstr(mac, ==, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/account-key/thumbprint", test_thumbprint);
    g_test_add_func("/account-key/rs256", test_rs256);
    g_test_add_data_func("/account-key/sign/es256", GINT_TO_POINTER(KEY_TYPE_ECDSA_P256), test_sign);
    g_test_add_data_func("/account-key/sign/es384", GINT_TO_POINTER(KEY_TYPE_ECDSA_P384), test_sign);
    g_test_add_data_func("/account-key/sign/rs256", GINT_TO_POINTER(KEY_TYPE_RSA_2048), test_sign);
    g_test_add_func("/account-key/pem", test_pem);
    g_test_add_func("/account-key/refused", test_refused);
    g_test_add_func("/account-key/mac", test_mac);
    g_test_add_func("/account-key/mac-of-jws", test_mac_of_jws);
    return g_test_run();
}
