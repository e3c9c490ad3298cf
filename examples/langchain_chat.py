"""A chain and an agent of LangChain; nothing here knows that they are audited, tools and all.

Run it with::

    pip install "otel-audit[auto]" langchain langchain-openai opentelemetry-instrumentation-genai-langchain
    export OTEL_TRACES_EXPORTER=none OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none
    export OTEL_SERVICE_NAME=agents OTEL_AUDIT_DESTINATION=./audit-log
    export OTEL_AUDIT_STREAMS_MODEL_IO_CONTENT=full
    export OPENAI_API_KEY=…   # and OPENAI_BASE_URL for any other endpoint that speaks OpenAI's protocol
    opentelemetry-instrument python examples/langchain_chat.py

Then look at who did what with which tool::

    otel-audit query --destination ./audit-log --stream model-io

The instrumentations of OpenInference and OpenLLMetry are audited as well; they need no setting for content.
"""

import json
import os

from langchain.agents import create_agent
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model=os.environ.get("MODEL", "gpt-4o-mini"), max_retries=0)
question = "I am jane.doe@example.com, card 4111 1111 1111 1111. Where is order 1001?"


@tool
def find_order(order_id: str) -> str:
    """Finds an order"""
    return json.dumps({"id": order_id, "status": "sent", "to": "jane.doe@example.com"})


prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")])
print((prompt | model | StrOutputParser()).invoke({"question": question}))

agent = create_agent(model, [find_order], system_prompt="You work for a shop.", name="order_agent")
print(agent.invoke({"messages": [("human", question)]})["messages"][-1].content)
