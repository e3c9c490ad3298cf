"""What is asked of each vendor, with its real client: a chat, a tool in two turns, streams, an error.

Every person, card and key is invented, and planted: nothing of them may be found in anything written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

KEY = "sk-proj-FAKESECRETKEYqWx7zvLpd"
SYSTEM = "You work for a shop. Customer on the line: Jane, +1 415 555 0100."
QUESTION = "I am jane.doe@example.com, card 4111 1111 1111 1111. Where is order 1001?"
RESULT = {"status": "sent", "to": "jane.doe@example.com", "iban": "DE89370400440532013000"}
DESCRIPTION = "Finds an order"
PARAMETERS = {
    "type": "object",
    "properties": {"order_id": {"type": "string"}, "email": {"type": "string"}},
    "required": ["order_id"],
}


def anthropic(url: str) -> None:
    from anthropic import Anthropic, APIStatusError

    client = Anthropic(base_url=url, api_key=KEY, max_retries=0)
    tool = {"name": "find_order", "description": DESCRIPTION, "input_schema": PARAMETERS}
    user = {"role": "user", "content": QUESTION}
    asked: dict[str, Any] = {
        "model": "claude-sonnet-4-5", "max_tokens": 200, "system": SYSTEM, "messages": [user]
    }  # fmt: skip
    client.messages.create(**asked)
    first = client.messages.create(**asked, tools=[tool])
    call = first.content[0]
    outcome = {"type": "tool_result", "tool_use_id": call.id, "content": json.dumps(RESULT)}
    answer = {"role": "assistant", "content": [call.model_dump(mode="json", exclude_none=True)]}
    asked["messages"] = [user, answer, {"role": "user", "content": [outcome]}]
    client.messages.create(**asked, tools=[tool])
    asked["messages"] = [user]
    for _ in client.messages.create(**asked, stream=True):
        pass
    for _ in client.messages.create(**asked, tools=[tool], stream=True):
        pass
    with client.messages.stream(**asked) as stream:
        stream.get_final_message()
    with suppress(APIStatusError):
        client.messages.create(**asked | {"model": "claude-overloaded"})


def bedrock(url: str) -> None:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    client = boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        endpoint_url=url,
        aws_access_key_id="AKIAFAKE",
        aws_secret_access_key=KEY,
        config=Config(retries={"max_attempts": 0}),
    )
    spec = {"name": "find_order", "description": DESCRIPTION, "inputSchema": {"json": PARAMETERS}}
    tools = {"tools": [{"toolSpec": spec}]}
    user = {"role": "user", "content": [{"text": QUESTION}]}
    asked: dict[str, Any] = {
        "modelId": "anthropic.claude-sonnet-4-5-v1:0",
        "system": [{"text": SYSTEM}],
        "messages": [user],
        "inferenceConfig": {"maxTokens": 200, "temperature": 0.2},
    }
    client.converse(**asked)
    first = client.converse(**asked, toolConfig=tools)["output"]["message"]
    outcome = {"toolUseId": first["content"][0]["toolUse"]["toolUseId"], "content": [{"json": RESULT}]}
    turns = [user, first, {"role": "user", "content": [{"toolResult": outcome}]}]
    client.converse(**asked | {"messages": turns}, toolConfig=tools)
    for _ in client.converse_stream(**asked)["stream"]:
        pass
    for _ in client.converse_stream(**asked, toolConfig=tools)["stream"]:
        pass
    body = {
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 200, "system": SYSTEM,
        "messages": [{"role": "user", "content": QUESTION}],
    }  # fmt: skip
    client.invoke_model(modelId=asked["modelId"], body=json.dumps(body))["body"].read()
    with suppress(ClientError):
        client.converse(**asked | {"modelId": "anthropic.claude-overloaded-v1:0"})


def google(url: str) -> None:
    from google import genai
    from google.genai import types
    from google.genai.errors import APIError

    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url))
    function = types.FunctionDeclaration(
        name="find_order", description=DESCRIPTION, parameters_json_schema=PARAMETERS
    )
    plain = types.GenerateContentConfig(system_instruction=SYSTEM, temperature=0.2, max_output_tokens=200)
    tools = types.GenerateContentConfig(
        system_instruction=SYSTEM, tools=[types.Tool(function_declarations=[function])]
    )
    model = "gemini-3.0-flash"
    client.models.generate_content(model=model, contents=QUESTION, config=plain)
    first = client.models.generate_content(model=model, contents=QUESTION, config=tools)
    turns = [
        types.Content(role="user", parts=[types.Part(text=QUESTION)]),
        first.candidates[0].content,
        types.Content(
            role="user", parts=[types.Part.from_function_response(name="find_order", response=RESULT)]
        ),
    ]
    client.models.generate_content(model=model, contents=turns, config=tools)
    for _ in client.models.generate_content_stream(model=model, contents=QUESTION, config=plain):
        pass
    for _ in client.models.generate_content_stream(model=model, contents=QUESTION, config=tools):
        pass
    with suppress(APIError):
        client.models.generate_content(model="gemini-overloaded", contents=QUESTION, config=plain)


def langchain(url: str) -> None:
    import openai
    from langchain.agents import create_agent
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    def model(name: str = "gpt-4o-mini") -> ChatOpenAI:
        return ChatOpenAI(
            model=name, base_url=f"{url}/v1", api_key=KEY, max_retries=0, temperature=0.2, stream_usage=True
        )

    @tool
    def find_order(order_id: str, email: str) -> str:
        """Finds an order"""
        return json.dumps(RESULT | {"id": order_id, "asked by": email})

    messages = [("system", SYSTEM), ("human", QUESTION)]
    model().invoke(messages)
    prompt = ChatPromptTemplate.from_messages([("system", SYSTEM), ("human", "{question}")])
    chain = prompt | model() | StrOutputParser()
    chain.invoke({"question": QUESTION})
    for _ in chain.stream({"question": QUESTION}):
        pass
    agent = create_agent(model(), [find_order], system_prompt=SYSTEM, name="order_agent")
    agent.invoke({"messages": [("human", QUESTION)]})
    with suppress(openai.APIStatusError):
        model("gpt-overloaded").invoke(messages)


def llamaindex(url: str) -> None:
    import openai
    from llama_index.core import Document, SummaryIndex
    from llama_index.core.llms import ChatMessage
    from llama_index.core.tools import FunctionTool
    from llama_index.llms.openai import OpenAI

    def model(name: str = "gpt-4o-mini") -> OpenAI:
        return OpenAI(model=name, api_base=f"{url}/v1", api_key=KEY, max_retries=0, temperature=0.2)

    def find_order(order_id: str, email: str) -> str:
        """Finds an order"""
        return json.dumps(RESULT | {"id": order_id, "asked by": email})

    messages = [ChatMessage(role="system", content=SYSTEM), ChatMessage(role="user", content=QUESTION)]
    model().chat(messages)
    for _ in model().stream_chat(messages):
        pass
    model().complete(QUESTION)
    model().predict_and_call([FunctionTool.from_defaults(find_order)], QUESTION)
    index = SummaryIndex.from_documents([Document(text=f"Orders of the day. {QUESTION}")])
    index.as_query_engine(llm=model()).query(QUESTION)
    with suppress(openai.APIStatusError, ValueError):
        model("gpt-4o-overloaded").chat(messages)


CALLS: dict[str, Callable[[str], None]] = {
    "anthropic": anthropic,
    "bedrock": bedrock,
    "google": google,
    "langchain": langchain,
    "llamaindex": llamaindex,
}
