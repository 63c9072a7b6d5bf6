//! The `Message` derive of Ephor: a plain struct's way into a frame's payload and back.
//!
//! Use it through the facade crate, which re-exports it beside the trait.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Fields, LitInt, Member, Path, parse_macro_input};

/// Payload of the largest frame, in bytes.
const PAYLOAD_BYTES_MAX: usize = 96;

/// Implements `Message` for a struct whose fields can all be turned into bytes and, checked, back.
///
/// ```text
/// #[derive(Clone, Copy, Message)]
/// #[message(kind = 7)]            // 1 to 239; part of the recorded format
/// struct Order { id: u64, price: i64 }
/// ```
///
/// `#[message(kind = 8, loan)]` says that the first field is the handle of a pool block (a `u64`) that
/// travels with the message. `crate = path` names the crate to find the trait in; it defaults to `::ephor`.
#[proc_macro_derive(Message, attributes(message))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// What `#[message(...)]` says.
struct Options {
    kind: LitInt,
    loan: bool,
    root: Path,
}

impl Options {
    fn parse(input: &DeriveInput) -> Result<Self, Error> {
        let mut kind: Option<LitInt> = None;
        let mut loan = false;
        let mut root: Path = syn::parse_quote!(::ephor);
        for attribute in input.attrs.iter().filter(|a| a.path().is_ident("message")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("kind") {
                    kind = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("loan") {
                    loan = true;
                } else if meta.path.is_ident("crate") {
                    root = meta.value()?.parse()?;
                } else {
                    return Err(meta.error("expected `kind = N`, `loan` or `crate = path`"));
                }
                Ok(())
            })?;
        }
        let kind = kind.ok_or_else(|| {
            Error::new_spanned(
                &input.ident,
                "a message needs its number: `#[message(kind = N)]`, N from 1 to 239",
            )
        })?;
        if !(1..=255).contains(&kind.base10_parse::<u16>()?) {
            return Err(Error::new_spanned(
                &kind,
                "kinds are numbered 1 to 239 (240 to 255 are Ephor's own)",
            ));
        }
        Ok(Self { kind, loan, root })
    }
}

fn expand(input: &DeriveInput) -> Result<Tokens, Error> {
    let options = Options::parse(input)?;
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "a message has no type parameters: its bytes must have one meaning",
        ));
    }
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(
            &input.ident,
            "a message is a struct; an enum can be one of its fields",
        ));
    };
    let fields: Vec<(Member, &syn::Type)> =
        data.fields.members().zip(data.fields.iter().map(|field| &field.ty)).collect();
    if options.loan && fields.is_empty() {
        return Err(Error::new_spanned(&input.ident, "a message with `loan` begins with a `u64` handle"));
    }

    let Options { kind, loan, root } = options;
    let name = &input.ident;
    let text = name.to_string();
    let types: Vec<_> = fields.iter().map(|(_, ty)| *ty).collect();
    let members: Vec<_> = fields.iter().map(|(member, _)| member).collect();
    let locals: Vec<_> = (0..fields.len()).map(|index| format_ident!("field_{index}")).collect();
    let offsets: Vec<Tokens> = (0..fields.len())
        .map(|index| {
            let before = &types[..index];
            quote!(0 #(+ ::core::mem::size_of::<#before>())*)
        })
        .collect();
    let build = match &data.fields {
        Fields::Unit => quote!(Self),
        _ => quote!(Self { #(#members: #locals),* }),
    };
    let too_large = format!(
        "the message `{text}` does not fit a frame: its fields take more than {PAYLOAD_BYTES_MAX} bytes; \
         put what is larger into a pool block and send its handle"
    );
    let loan_check = loan.then(|| {
        let first = types[0];
        quote!(const _: fn(#first) -> u64 = |handle| handle;)
    });

    Ok(quote! {
        impl #root::Message for #name {
            const KIND: #root::Kind = #root::Kind(#kind);
            const NAME: &'static str = #text;
            const BYTES: usize = 0 #(+ ::core::mem::size_of::<#types>())*;
            const LOAN: bool = #loan;

            #[inline(always)]
            fn write(&self, payload: &mut [u8]) {
                #(#root::__private::put(&self.#members, payload, #offsets);)*
                let _ = payload;
            }

            #[inline(always)]
            fn read(payload: &[u8]) -> ::core::option::Option<Self> {
                #(let #locals = #root::__private::take::<#types>(payload, #offsets)?;)*
                let _ = payload;
                ::core::option::Option::Some(#build)
            }
        }
        const _: () = assert!(
            <#name as #root::Message>::BYTES <= #PAYLOAD_BYTES_MAX,
            #too_large
        );
        #loan_check
    })
}
