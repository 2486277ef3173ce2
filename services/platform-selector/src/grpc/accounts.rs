use segue_proto::selector::v1::{
    FindAccountsRequest, FindAccountsResponse, ForgetCustomerRequest, ForgetCustomerResponse,
    GetDirectoryStatusResponse, LinkAccountRequest, LinkAccountResponse, UnlinkAccountRequest,
    UnlinkAccountResponse,
};
use segue_runtime::{Fields, Refusal, caller};
use segue_store::{Conn, requests::RequestKey};

use crate::{
    commands::{self, accounts::Unlink, customers::Whom},
    convert::accounts::{
        AccountId, all_hashes, forget_match, hashes_by_identity, holder, link as parse_link,
    },
    domain::directory::MAX_IDENTITIES,
    errors,
    selector::Selector,
    store,
};

const MAX_PLATFORMS: usize = 1000;

pub(super) async fn link(
    selector: &Selector,
    request: LinkAccountRequest,
) -> Result<LinkAccountResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::keyed(&caller(), &request_id, "LinkAccount", &request, &selector.keys);
    let LinkAccountRequest { platform, account, identities, .. } = &request;
    let link = parse_link(&mut fields, &selector.keys, selector.region, platform, account, identities);
    fields.finish()?;
    commands::once(&selector.database, key, selector.clock.now_ms(), link, |conn, link| {
        Box::pin(commands::accounts::link(conn, link))
    })
    .await
}

pub(super) async fn unlink(
    selector: &Selector,
    request: UnlinkAccountRequest,
) -> Result<UnlinkAccountResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::keyed(&caller(), &request_id, "UnlinkAccount", &request, &selector.keys);
    let id = AccountId::parse(&mut fields, &request.platform, &request.account);
    fields.finish()?;
    let unlink = Unlink { refs: id.refs(&selector.keys), platform: id.platform };
    commands::once(&selector.database, key, selector.clock.now_ms(), unlink, |conn, unlink| {
        Box::pin(commands::accounts::unlink(conn, unlink))
    })
    .await
}

pub(super) async fn forget(
    selector: &Selector,
    request: ForgetCustomerRequest,
) -> Result<ForgetCustomerResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::keyed(&caller(), &request_id, "ForgetCustomer", &request, &selector.keys);
    let identities =
        fields.customer("customer", request.customer.as_ref(), 1..=MAX_IDENTITIES, selector.region);
    let by = forget_match(fields.optional_enumeration("match", request.r#match));
    fields.finish()?;
    let whom = Whom { identities: hashes_by_identity(&identities, &selector.keys), by };
    if request.dry_run {
        return selector.database.read(async |conn| commands::customers::tell(conn, &whom).await).await?;
    }
    let forgotten = commands::once(&selector.database, key, selector.clock.now_ms(), whom, |conn, whom| {
        Box::pin(commands::customers::forget(conn, whom))
    })
    .await?;
    selector.directories.forget_all();
    Ok(forgotten)
}

pub(super) async fn status(selector: &Selector) -> Result<GetDirectoryStatusResponse, Refusal> {
    let by_key = selector.database.read(async |conn| store::directory::accounts_by_key(conn).await).await?;
    let of = |key: Option<String>| key.and_then(|key| by_key.get(&key).copied()).unwrap_or_default();
    let current_key = of(Some(selector.keys.current_id()));
    let previous_key = of(selector.keys.previous_id());
    let lost_keys = by_key.values().sum::<i64>() - current_key - previous_key;
    Ok(GetDirectoryStatusResponse { current_key, previous_key, lost_keys })
}

pub(super) async fn find(
    selector: &Selector,
    request: FindAccountsRequest,
) -> Result<FindAccountsResponse, Refusal> {
    let mut fields = Fields::new();
    let identities =
        fields.customer("customer", request.customer.as_ref(), 1..=MAX_IDENTITIES, selector.region);
    fields.at_most("platforms", request.platforms.len(), MAX_PLATFORMS);
    for (index, platform) in request.platforms.iter().take(MAX_PLATFORMS).enumerate() {
        fields.slug(&format!("platforms[{index}]"), platform);
    }
    fields.finish()?;
    let known = selector.database.read(async |conn| selector.catalog.current(conn).await).await?;
    for (index, platform) in request.platforms.iter().enumerate() {
        if !known.platforms.contains_key(platform) {
            return Err(errors::platform_not_found(&format!("platforms[{index}]"), platform));
        }
    }
    let hashes = all_hashes(&identities, &selector.keys);
    let find = async |conn: &mut Conn| store::directory::accounts_of(conn, &hashes, &request.platforms).await;
    let accounts = selector.database.read(find).await?;
    Ok(FindAccountsResponse { accounts: accounts.into_iter().map(holder).collect() })
}
